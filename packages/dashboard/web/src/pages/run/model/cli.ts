/** The line of the command for each action. */

/** A word as a shell takes it. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

const line = (...words: ReadonlyArray<string>): string =>
  ["runlease", ...words].map((word) => quoted(word)).join(" ")

export interface CliLine {
  readonly label: string
  readonly command: string
}

export const get = (runId: string): string => line("runs", "get", runId)
export const explain = (runId: string): string => line("runs", "explain", runId)
export const watch = (runId: string): string => line("watch", runId)
export const events = (runId: string): string => line("runs", "events", runId)
export const tree = (runId: string): string => line("runs", "tree", runId)
export const cancel = (runId: string): string => line("runs", "cancel", runId)
export const retry = (runId: string): string => line("runs", "retry", runId)
export const retryFromStart = (runId: string): string => line("runs", "retry", runId, "--from-start")
export const fork = (runId: string, after: number): string =>
  line("runs", "fork", runId, "--after", String(after))
export const tell = (runId: string, text: string): string => line("tell", runId, text)

export const conversations = (...words: ReadonlyArray<string>): string => line("conversations", ...words)

/** `budget`: its limits by name. */
export interface Submitted {
  readonly agent: string
  readonly text: string
  /** The payload, in the place of the text. */
  readonly input?: { readonly value: unknown } | undefined
  readonly priority?: number | undefined
  readonly maxAttempts?: number | undefined
  readonly delay?: string | undefined
  /** In seconds. */
  readonly ttl?: number | undefined
  readonly timeout?: number | undefined
  readonly budget?: Readonly<Record<string, number>> | undefined
  readonly multitask?: string | undefined
}

export const submit = ({
  agent,
  budget,
  delay,
  input,
  maxAttempts,
  multitask,
  priority,
  text,
  timeout,
  ttl,
}: Submitted): string => {
  const limits = Object.entries(budget ?? {}).map(([name, limit]) => `${name}=${limit}`)
  return line(
    "submit",
    "--agent",
    agent === "" ? "AGENT" : agent,
    ...(priority === undefined ? [] : ["--priority", String(priority)]),
    ...(maxAttempts === undefined ? [] : ["--max-attempts", String(maxAttempts)]),
    ...(delay === undefined ? [] : ["--available-in", delay]),
    ...(ttl === undefined ? [] : ["--ttl", `${ttl}s`]),
    ...(timeout === undefined ? [] : ["--timeout", `${timeout}s`]),
    ...(limits.length === 0 ? [] : ["--budget", limits.join(",")]),
    ...(multitask === undefined ? [] : ["--multitask", multitask]),
    ...(input === undefined ? [text === "" ? "TEXT" : text] : ["--input", JSON.stringify(input.value)]),
  )
}

/** The answer to one question: with `--interrupt` where the run has several. */
export const resume = (
  runId: string,
  { id, isOne, payload }: { readonly id: string; readonly isOne: boolean; readonly payload: unknown },
): string => {
  const which = isOne ? [] : ["--interrupt", id]
  const isOnly = (approved: boolean) => JSON.stringify(payload) === JSON.stringify({ approved })
  if (isOnly(true)) return line("resume", runId, ...which, "--approve")
  if (isOnly(false)) return line("resume", runId, ...which, "--deny")
  return typeof payload === "string"
    ? line("resume", runId, ...which, "--text", payload)
    : line("resume", runId, ...which, "--result", JSON.stringify(payload ?? null))
}
