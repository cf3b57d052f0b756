/** The environment of a program: variables of the worker, and the RUNLEASE_* variables of its run. */
import { type Executor, RequestSnapshot, type Run } from "@runlease/core"
import { RunTokens } from "@runlease/core/executor"
import { Config, ConfigProvider, Effect, Option, Record, Redacted } from "effect"

export type Values = Readonly<Record<string, string>>

/** The names of the default variables, for programs, the home folder, the locale and the time zone. */
export const defaultNames: ReadonlyArray<string> = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"]

/** The worker's own variables with these names. Unset variables are left out. */
export const inherit = (names: ReadonlyArray<string>): Effect.Effect<Values> =>
  Effect.forEach(names, (name) =>
    Effect.map(Effect.option(Config.string(name)), (value) => [name, value] as const),
  ).pipe(
    Effect.map((entries) => Record.getSomes(Record.fromEntries(entries))),
    // The environment of the process, even if the application configures another provider.
    Effect.withConfigProvider(ConfigProvider.fromEnv()),
  )

export type Extra = Readonly<Record<string, string | Redacted.Redacted>>

export const reveal: (extra: Extra) => Values = Record.map((value) =>
  typeof value === "string" ? value : Redacted.value(value),
)

/** The values that logs and messages must not show. */
export const secrets = (extra: Extra): ReadonlyArray<string> =>
  Object.values(extra).flatMap((value) =>
    typeof value === "string" || Redacted.value(value) === "" ? [] : [Redacted.value(value)],
  )

/** A longer prompt is on stdin only, since systems limit the size of a variable. */
const maxPromptBytes = 64 * 1024

/** The RUNLEASE_* variables of a run. */
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

const none: Extra = {}

/**
 * With `runToken`, RUNLEASE_URL, RUNLEASE_WORKER_ID and RUNLEASE_TOKEN, by which a program reaches the server for its run; else nothing.
 *
 * Fails: as `RunTokens.current` does.
 */
export const ofRunToken = (runToken = false): Effect.Effect<Extra, Executor.ExecutorError> =>
  runToken
    ? Effect.map(RunTokens.current, ({ token, url, workerId }) => ({
        RUNLEASE_URL: url,
        RUNLEASE_WORKER_ID: workerId,
        RUNLEASE_TOKEN: token,
      }))
    : Effect.succeed(none)
