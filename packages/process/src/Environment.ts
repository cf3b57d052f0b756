/**
 * What a program sees of the worker's environment, and what it is told of its run.
 *
 * @since 0.1.0
 */
import { RequestSnapshot, type Run } from "@runlease/core"
import { Config, ConfigProvider, Effect, Option, Record, Redacted } from "effect"

export type Values = Readonly<Record<string, string>>

/**
 * The names that a program gets by default: enough to find programs, a home, a locale and a clock.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultNames: ReadonlyArray<string> = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"]

/**
 * The worker's own variables of these names; those that are not set are left out.
 *
 * @since 0.1.0
 * @category environment
 */
export const inherit = (names: ReadonlyArray<string>): Effect.Effect<Values> =>
  Effect.forEach(names, (name) =>
    Effect.map(Effect.option(Config.string(name)), (value) => [name, value] as const),
  ).pipe(
    Effect.map((entries) => Record.getSomes(Record.fromEntries(entries))),
    // The environment of the process itself, whatever provider the application reads its own settings from.
    Effect.withConfigProvider(ConfigProvider.fromEnv()),
  )

export type Extra = Readonly<Record<string, string | Redacted.Redacted>>

export const reveal: (extra: Extra) => Values = Record.map((value) =>
  typeof value === "string" ? value : Redacted.value(value),
)

/**
 * The values that nobody is to read.
 *
 * @since 0.1.0
 * @category environment
 */
export const secrets = (extra: Extra): ReadonlyArray<string> =>
  Object.values(extra).flatMap((value) =>
    typeof value === "string" || Redacted.value(value) === "" ? [] : [Redacted.value(value)],
  )

/** Longer prompts are on stdin alone: a system bounds what it takes as one variable. */
const maxPromptBytes = 64 * 1024

/**
 * The RUNLEASE_* variables of a run.
 *
 * @since 0.1.0
 * @category environment
 */
export const ofRun = (run: Run.ClaimedRun, workDir: string): Values => {
  const prompt = RequestSnapshot.lastUserText(run.snapshot)
  // A variable cannot hold a NUL character.
  const fits = Buffer.byteLength(prompt) < maxPromptBytes && !prompt.includes("\0")
  return Record.getSomes({
    RUNLEASE_RUN_ID: Option.some(run.runId),
    RUNLEASE_AGENT_ID: Option.some(run.agentId),
    RUNLEASE_CONVERSATION_ID: Option.some(run.conversationId),
    RUNLEASE_ATTEMPT: Option.some(String(run.attempt)),
    RUNLEASE_WORK_DIR: Option.some(workDir),
    RUNLEASE_PROMPT: fits ? Option.some(prompt) : Option.none(),
  })
}
