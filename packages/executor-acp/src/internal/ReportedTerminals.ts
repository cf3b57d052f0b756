/**
 * The output of commands that an agent runs itself. It reports them in `_meta` of its tool calls: claude-agent-acp and
 * codex-acp share the keys, which the protocol leaves to agents.
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
    /** Takes what the `_meta` of a tool call reports. */
    on: (meta: Readonly<Record<string, unknown>>): void => {
      if ("terminal_output" in meta) take(meta["terminal_output"], false)
      for (const key of ["terminal_info", "terminal_output_delta", "terminal_exit"]) take(meta[key], true)
    },
    /** The last of what a terminal has put out; undefined for one that no tool call reported. */
    outputOf: (terminalId: string): string | undefined => outputs.get(terminalId),
  }
}
