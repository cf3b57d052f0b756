/** The refusal of a request that does not fit its schema: as a server answers it, and as a client refuses to send it. */
import { Token } from "@runlease/core"
import { ParseResult } from "effect"
import * as Refusal from "./Refusal.js"
import * as Strict from "./Strict.js"

const maxDetail = 600

/** The refusal for the first of these problems. A value may be a token in a wrong place, which is masked. */
export const ofIssues = (issues: ReadonlyArray<ParseResult.ArrayFormatterIssue>): Refusal.Refusal => {
  const issue = issues[0]
  const field = issue?.path.map(String).join(".") ?? ""
  const problem = issue === undefined ? "The request is malformed" : Strict.sentence(issue)
  const sentence = Token.mask(field === "" ? problem : `${field}: ${problem}`)
  return Refusal.make(
    400,
    "invalid_request",
    sentence.length > maxDetail ? `${sentence.slice(0, maxDetail)}…` : sentence,
    field === "" ? {} : { field },
  )
}

/** The refusal of a value that does not fit its schema. */
export const ofParse = (error: ParseResult.ParseError): Refusal.Refusal =>
  ofIssues(ParseResult.ArrayFormatter.formatErrorSync(error))
