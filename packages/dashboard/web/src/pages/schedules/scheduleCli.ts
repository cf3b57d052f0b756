/** The line of the command for each action of a schedule. */
import type * as Json from "@runlease/http/Json"
import { type CliLine, quoted } from "../run/model/cli"
import { hasZone } from "./cronWords"

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

/** What a form of a new schedule has. */
interface Filled {
  readonly name: string
  readonly agent: string
  readonly schedule: string
  readonly timezone: string
  readonly prompt: string
  readonly policy: string
  readonly input?: unknown
}

const flag = (word: string, value: string, isShown = value !== ""): ReadonlyArray<string> =>
  isShown ? [word, value] : []

const inputFlag = (input: unknown): ReadonlyArray<string> =>
  input === undefined ? [] : ["--input", JSON.stringify(input)]

export const createLine = (filled: Filled): string => {
  const { agent, input, name, policy, prompt, schedule, timezone } = filled
  return [
    "runlease",
    "schedules",
    "create",
    name || "NAME",
    ...flag("--agent", agent || "AGENT"),
    ...flag("--schedule", schedule || "WHEN"),
    ...flag("--timezone", timezone, hasZone(schedule) && timezone !== "" && timezone !== "UTC"),
    ...flag("--prompt", prompt),
    ...inputFlag(input),
    ...flag("--policy", policy, policy !== "Forbid"),
  ]
    .map((word) => quoted(word))
    .join(" ")
}

/** The line that changes what is other than before. */
export const updateLine = (before: Json.Schedule, filled: Filled): string => {
  const { agent, input, name, policy, prompt, schedule, timezone } = filled
  const { config, target } = before
  const isOther = JSON.stringify(input) !== JSON.stringify(config.input)
  return [
    "runlease",
    "schedules",
    "update",
    before.id,
    ...flag("--name", name, name !== before.name),
    ...flag("--agent", agent, agent !== target.id),
    ...flag("--schedule", schedule, schedule !== before.schedule),
    ...flag("--timezone", timezone, timezone !== before.timezone),
    ...(prompt === (config.prompt ?? "") ? [] : prompt === "" ? ["--clear", "prompt"] : ["--prompt", prompt]),
    ...(isOther ? (input === undefined ? ["--clear", "input"] : inputFlag(input)) : []),
    ...flag("--policy", policy, policy !== before.concurrency_policy),
  ]
    .map((word) => quoted(word))
    .join(" ")
}
