/** The form of a limit: what is typed, what of it does not fit, and the request that it makes. */
import type * as Json from "@runlease/http/Json"
import { integer } from "../../format/numbers"
import { quoted } from "../run/model/cli"
import { secondsOf } from "../submit/submission"
import { periodWords } from "./limits"

export type Kind = "named" | "agent" | "project"

/** `of`: the name of the limit, or the agent; not read where the kind is the project. The rest is of the bounds. */
export interface Filled {
  readonly kind: Kind
  readonly of: string
  readonly running: string
  readonly starts: string
  readonly period: string
  readonly burst: string
  readonly pending: string
  readonly agents: string
  readonly keyFrom: string
}

type Field = Exclude<keyof Filled, "kind">

type Found = Partial<Record<Field, string | undefined>>

export type Problems = Partial<Record<Field, string>>

export const nothingFilled: Filled = {
  kind: "named",
  of: "",
  running: "",
  starts: "",
  period: "1 m",
  burst: "",
  pending: "",
  agents: "",
  keyFrom: "",
}

/** What is typed for a limit that there is. */
export const filledOf = ({
  agent_ids = [],
  key_from = "",
  max_pending,
  max_running,
  name,
  rate,
}: Json.NamedLimit): Filled => ({
  kind: "named",
  of: name,
  running: max_running === null ? "" : String(max_running),
  starts: rate === null ? "" : String(rate.count),
  period: rate === null ? nothingFilled.period : periodWords(rate.period_seconds),
  burst: rate === null || rate.burst === 1 ? "" : String(rate.burst),
  pending: max_pending === null ? "" : String(max_pending),
  agents: agent_ids.join(", "),
  keyFrom: key_from,
})

export const isName = (text: string): boolean =>
  /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(text) && text.length <= 64

const agentsIn = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "")

const numberOf = (text: string): number => Number(text.replaceAll(/[\s,_]/g, ""))

const ranged = (text: string, least: number, most: number): string | undefined => {
  const value = numberOf(text)
  return text.trim() === "" || (Number.isInteger(value) && value >= least && value <= most)
    ? undefined
    : `A whole number from ${integer(least)} to ${integer(most)}`
}

const most = 100_000

const mostPending = 1_000_000

const mostSeconds = 31_536_000

const hasSeconds = (text: string): boolean => {
  const seconds = secondsOf(text) ?? 0
  return seconds >= 1 && seconds <= mostSeconds
}

const isEmpty = ({ pending, running, starts }: Filled): boolean =>
  [running, starts, pending].every((text) => text.trim() === "")

const ofNamed = (filled: Filled): Found => ({
  of: isName(filled.of)
    ? undefined
    : "Words of a-z and 0-9 with dashes between them, such as gpu or crm-calls",
  running: isEmpty(filled)
    ? "Fill in one at least: running at once, starts, or pending"
    : ranged(filled.running, 0, most),
  starts: ranged(filled.starts, 1, most),
  period:
    filled.starts.trim() === "" || hasSeconds(filled.period)
      ? undefined
      : "Such as 30 s, 1 m, 2 h or 1 d, up to 365 d",
  burst:
    filled.starts.trim() === "" && filled.burst.trim() !== ""
      ? "It is for a rate: fill in how many start"
      : ranged(filled.burst, 1, most),
  pending: ranged(filled.pending, 0, mostPending),
  agents: agentsIn(filled.agents).length > 100 ? "100 agents at most" : undefined,
  keyFrom:
    filled.keyFrom.trim() === "" ||
    /^(input(\.[^.]+)*|metadata(\.[^.]+)+|labels\..+)$/.test(filled.keyFrom.trim())
      ? undefined
      : "A path that begins with input, metadata or labels, such as input.tenant",
})

/** The fields that do not fit, each with what to do. */
export const problemsOf = (filled: Filled): Problems => {
  const found: Found =
    filled.kind === "named"
      ? ofNamed(filled)
      : {
          of: filled.kind === "agent" && filled.of.trim() === "" ? "Name an agent" : undefined,
          running: ranged(filled.running, 1, most),
        }
  return Object.fromEntries(Object.entries(found).filter(([, problem]) => problem !== undefined))
}

const orNull = (text: string): number | null => (text.trim() === "" ? null : numberOf(text))

/** The body of the request that sets it. */
export const bodyOf = (filled: Filled): unknown => {
  const { agents, burst, keyFrom, kind, pending, period, running, starts } = filled
  if (kind !== "named") return { max_running: orNull(running) }
  const ids = agentsIn(agents)
  return {
    max_running: orNull(running),
    rate:
      starts.trim() === ""
        ? null
        : {
            count: numberOf(starts),
            period_seconds: secondsOf(period),
            ...(burst.trim() === "" ? {} : { burst: numberOf(burst) }),
          },
    max_pending: orNull(pending),
    ...(ids.length === 0 ? {} : { agent_ids: ids }),
    ...(keyFrom.trim() === "" ? {} : { key_from: keyFrom.trim() }),
  }
}

/** The same on the command line; null for an agent or a project without a limit, for which there is no command. */
export const commandOf = (filled: Filled): string | null => {
  const { agents, burst, keyFrom, kind, of, pending, period, running, starts } = filled
  const flag = (word: string, value: string) => (value.trim() === "" ? [] : [word, value.trim()])
  const number = (word: string, value: string) =>
    flag(word, value.trim() === "" ? "" : String(numberOf(value)))
  const subject =
    kind === "named" ? [of || "NAME"] : kind === "agent" ? ["--agent", of.trim() || "AGENT"] : ["--all"]
  if (kind !== "named" && running.trim() === "") return null
  return [
    "runlease",
    "limits",
    "set",
    ...subject,
    ...number("--max-running", running),
    ...(kind !== "named"
      ? []
      : [
          ...(starts.trim() === "" ? [] : ["--rate", `${numberOf(starts)}/${period.replaceAll(" ", "")}`]),
          ...number("--burst", burst),
          ...number("--max-pending", pending),
          ...agentsIn(agents).flatMap((agent) => ["--agent", agent]),
          ...flag("--key-from", keyFrom),
        ]),
  ]
    .map((word) => quoted(word))
    .join(" ")
}
