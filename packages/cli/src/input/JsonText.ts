/**
 * JSON that a person has written: its value, or where it stops to be JSON. A problem never repeats the text, which may be secret.
 */
import { Either, Option } from "effect"

const token =
  /[\t\n\r ]*(?:(?<mark>[{}[\],:])|(?<text>"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*")|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/uy

/** What may come next: a value, a value or the end of its list, a key or the end of its object, a key, a colon, a comma, nothing. */
type Next = "value" | "item" | "member" | "key" | "colon" | "comma" | "nothing"

const closes = (mark: string, opened: string | undefined): boolean =>
  (mark === "}" && opened === "{") || (mark === "]" && opened === "[")

/** Where the text stops to be JSON. */
const brokenAt = (text: string): number => {
  const opened: Array<string> = []
  let next: Next = "value"
  let at = 0
  const afterValue = (): Next => (opened.length === 0 ? "nothing" : "comma")
  for (;;) {
    token.lastIndex = at
    const found = token.exec(text)
    const start = at + /^[\t\n\r ]*/.exec(text.slice(at))![0].length
    if (found === null) return start
    const { mark, text: string } = found.groups!
    if (mark === undefined) {
      if (next === "value" || next === "item") next = afterValue()
      else if (string !== undefined && (next === "member" || next === "key")) next = "colon"
      else return start
    } else if (mark === "{" || mark === "[") {
      if (next !== "value" && next !== "item") return start
      opened.push(mark)
      next = mark === "{" ? "member" : "item"
    } else if (mark === ":" && next === "colon") next = "value"
    else if (mark === "," && next === "comma") next = opened.at(-1) === "{" ? "key" : "value"
    else if (closes(mark, opened.at(-1)) && ["comma", "item", "member"].includes(next)) {
      opened.pop()
      next = afterValue()
    } else return start
    at = token.lastIndex
  }
}

const placeOf = (text: string): string => {
  const before = text.slice(0, brokenAt(text)).split("\n")
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`
}

const parseJson = Option.liftThrowable((text: string): unknown => JSON.parse(text))

/** The value, or the place of the first problem: `line 1, column 9`. */
export const parse = (text: string): Either.Either<unknown, string> =>
  Either.fromOption(parseJson(text), () => placeOf(text))
