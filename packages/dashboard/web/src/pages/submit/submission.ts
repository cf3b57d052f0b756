/** A submission, from what somebody has filled in. */
import { limitsFrom, type LimitName, limitNames } from "../run/question/budgetLimits"
import { submit } from "../run/model/cli"

export interface Filled {
  readonly agent: string
  /** The text for the agent; unused where there is an input. */
  readonly text: string
  /** The payload of an agent that has a form. */
  readonly input?: { readonly value: unknown } | undefined
  readonly priority: string
  readonly delay: string
  readonly maxAttempts: string
  readonly ttl: string
  readonly timeout: string
  readonly key: string
  readonly budget: Partial<Record<LimitName, string>>
}

export const nothingFilled: Omit<Filled, "agent" | "text" | "input"> = {
  priority: "",
  delay: "",
  maxAttempts: "",
  ttl: "",
  timeout: "",
  key: "",
  budget: {},
}

export type FilledProblems = Partial<
  Record<"agent" | "text" | "priority" | "delay" | "maxAttempts" | "ttl" | "timeout" | LimitName, string>
>

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** Seconds of `30 s`, `5 m`, `2 h`, `1 d`; undefined of anything else. */
export const secondsOf = (text: string): number | undefined => {
  const found = /^(\d+(?:\.\d+)?)\s*(s|m|h|d)[a-z]*$/i.exec(text.trim())
  if (found === null) return undefined
  return Math.round(Number(found[1]) * units[found[2]!.toLowerCase()]!)
}

/** The longest limit of time, in seconds. */
const mostSeconds = 31_536_000

/** A limit of time in seconds. */
const limitOf = (text: string): number | undefined | "wrong" => {
  if (text.trim() === "") return undefined
  const seconds = secondsOf(text)
  return seconds !== undefined && seconds >= 1 && seconds <= mostSeconds ? seconds : "wrong"
}

const whole = (text: string, least: number, most: number): number | undefined | "wrong" => {
  if (text.trim() === "") return undefined
  const value = Number(text)
  return Number.isInteger(value) && value >= least && value <= most ? value : "wrong"
}

const limitHelp = "Such as 30 s, 5 m, 2 h or 1 d, up to 365 d"

export interface Submission {
  readonly problems: FilledProblems
  /** The body for the API at that time. */
  readonly body: (now: number) => unknown
  /** The same on the command line; null where the command has no flag for something. */
  readonly command: string | null
}

export const submissionOf = (filled: Filled): Submission => {
  const { agent, budget, delay, input, key, text } = filled
  const priority = whole(filled.priority, -1000, 1000)
  const maxAttempts = whole(filled.maxAttempts, 1, 100)
  const ttl = limitOf(filled.ttl)
  const timeout = limitOf(filled.timeout)
  const seconds = delay.trim() === "" ? undefined : secondsOf(delay)
  const { limits, problems } = limitsFrom(budget)
  const isLimited = limitNames.some((name) => limits[name] !== undefined)
  const parsed = {
    priority: priority === "wrong" ? undefined : priority,
    maxAttempts: maxAttempts === "wrong" ? undefined : maxAttempts,
    ttl: ttl === "wrong" ? undefined : ttl,
    timeout: timeout === "wrong" ? undefined : timeout,
  }
  return {
    problems: {
      ...problems,
      ...(agent.trim() === "" ? { agent: "Choose an agent" } : {}),
      ...(input === undefined && text.trim() === "" ? { text: "Write what the agent is to do" } : {}),
      ...(priority === "wrong" ? { priority: "A whole number from -1000 to 1000" } : {}),
      ...(maxAttempts === "wrong" ? { maxAttempts: "A whole number from 1 to 100" } : {}),
      ...(ttl === "wrong" ? { ttl: limitHelp } : {}),
      ...(timeout === "wrong" ? { timeout: limitHelp } : {}),
      ...(delay.trim() !== "" && seconds === undefined ? { delay: "Such as 30 s, 5 m, 2 h or 1 d" } : {}),
    },
    body: (now) => ({
      kind: "agent",
      request: {
        agent_id: agent.trim(),
        ...(input === undefined
          ? {
              request_snapshot: {
                messages: [{ id: "message-1", role: "user", parts: [{ type: "text", text }] }],
                tools: [],
                context: [],
              },
            }
          : { input: input.value }),
        ...(parsed.priority === undefined ? {} : { priority: parsed.priority }),
        ...(parsed.maxAttempts === undefined ? {} : { max_attempts: parsed.maxAttempts }),
        ...(parsed.ttl === undefined ? {} : { ttl_seconds: parsed.ttl }),
        ...(parsed.timeout === undefined ? {} : { timeout_seconds: parsed.timeout }),
        ...(seconds === undefined ? {} : { available_at: new Date(now + seconds * 1000).toISOString() }),
        ...(key.trim() === "" ? {} : { concurrency_key: key.trim() }),
        ...(isLimited ? { budget: limits } : {}),
      },
    }),
    command:
      key.trim() === ""
        ? submit({
            agent: agent.trim(),
            text,
            input,
            ...parsed,
            delay: seconds === undefined ? undefined : `${seconds}s`,
            budget: isLimited ? limits : undefined,
          })
        : null,
  }
}
