/**
 * The way of all text to stdout and stderr. What a terminal obeys instead of showing it, such as an escape sequence of an agent, is
 * shown as text. The colours and the cursor movements of the commands themselves begin with a mark that no other text can have.
 */
import { Console, Effect } from "effect"
import { randomBytes } from "node:crypto"

/**
 * Replaces the escape character of this program's own sequences until they are written. It is random, so the text of others
 * cannot have it.
 */
export const escape = `<${randomBytes(16).toString("hex")}>`

/**
 * Controls, marks of direction, line separators, and what has no width. The first group is what stays: the line feed, the tab, and what
 * joins two pictures or selects the form of one.
 */
const obeyed =
  /([\n\t]|(?<=\p{Extended_Pictographic}[\uFE0F\p{Emoji_Modifier}]?)\u200D(?=\p{Extended_Pictographic})|(?<=\p{Emoji})\uFE0F)|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

/** The UTF-16 units as JSON writes them, so that JSON stays JSON. */
const asText = (characters: string): string =>
  Array.from(
    { length: characters.length },
    (_, index) => `\\u${characters.charCodeAt(index).toString(16).padStart(4, "0")}`,
  ).join("")

/** The text as it is written. */
export const finished = (text: string): string =>
  text
    .replace(obeyed, (characters, visible: string | undefined) => visible ?? asText(characters))
    .replaceAll(escape, "\u001B")

/** The frames of a stack after the first, which is where an exception was thrown. */
const laterFrames = /(\n\s+at [^\n]*)(?:\n\s+at [^\n]*)+/g

/**
 * Text of others as a part of one line: a space for each line feed and what is around it, and its tabs as text. A stack has its first frame
 * alone.
 */
export const onOneLine = (text: string): string =>
  text
    .replaceAll(laterFrames, "$1 …")
    .replaceAll(/\s*\n\s*/g, " ")
    .replaceAll("\t", asText)

/** This program's own sequences, as they are written before `finished`. */
export const own = (sequences: string): string => sequences.replaceAll("\u001B", escape)

const ownSequence = new RegExp(`${escape}\\[[0-9;]*[A-Za-z]`, "g")

/** How many columns the text takes, apart from its own sequences. */
export const widthOf = (text: string): number => text.replaceAll(ownSequence, "").length

/** Writes text to stdout, without a line feed after it. */
export const write = (text: string): Effect.Effect<void> =>
  Effect.sync(() => void process.stdout.write(finished(text)))

const written = (values: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  values.map((value) => (typeof value === "string" ? finished(value) : value))

/** Sends all that the effect logs and prints through `finished`. */
export const guarded = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.consoleWith((console) =>
    Effect.withConsole<Console.Console>({
      ...console,
      log: (...values) => console.log(...written(values)),
      error: (...values) => console.error(...written(values)),
      unsafe: {
        ...console.unsafe,
        log: (...values) => console.unsafe.log(...written(values)),
        error: (...values) => console.unsafe.error(...written(values)),
      },
    })(effect),
  )
