/** The line of the command for each action of a schedule. */
import type * as Json from "@runlease/http/Json"
import { type CliLine, quoted } from "../run/model/cli"

export const linesOf = ({ completed_at, id, source, status }: Json.Schedule): ReadonlyArray<CliLine> => {
  const line = (verb: string, ...more: ReadonlyArray<string>) =>
    ["runlease", "schedules", verb, id, ...more].map((word) => quoted(word)).join(" ")
  return [
    { label: "Show it", command: line("get") },
    { label: "Show its next ticks", command: line("upcoming") },
    { label: "Begin a run now", command: line("run") },
    ...(completed_at !== null
      ? []
      : status === "paused"
        ? [{ label: "Resume it", command: line("resume") }]
        : [{ label: "Pause it", command: line("pause") }]),
    ...(source == null ? [{ label: "Delete it", command: line("delete") }] : []),
  ]
}
