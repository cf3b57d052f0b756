/**
 * The output of commands that an agent runs itself and reports in `_meta` of its tool calls. The protocol does not define
 * the keys; claude-agent-acp and codex-acp use the same ones.
 */
import { Option, Schema } from "effect"
import * as Truncation from "./Truncation.js"

const Report = Schema.Struct({ terminal_id: Schema.String, data: Schema.optional(Schema.String) })

const decode = Schema.decodeUnknownOption(Report)

export const make = () => {
  const outputs = new Map<string, string>()

  const take = (report: unknown, appends: boolean): void =>
    Option.match(decode(report), {
      onNone: () => undefined,
      onSome: ({ data = "", terminal_id }) => {
        const before = appends ? (outputs.get(terminal_id) ?? "") : ""
        outputs.set(terminal_id, `${before}${data}`.slice(-Truncation.maxBytes))
      },
    })

  return {
    /** Reads the reports in the `_meta` of a tool call. */
    on: (meta: Readonly<Record<string, unknown>>): void => {
      if ("terminal_output" in meta) take(meta["terminal_output"], false)
      for (const key of ["terminal_info", "terminal_output_delta", "terminal_exit"]) take(meta[key], true)
    },
    /** The end of a terminal's output. Undefined if no tool call reported the terminal. */
    outputOf: (terminalId: string): string | undefined => outputs.get(terminalId),
  }
}
