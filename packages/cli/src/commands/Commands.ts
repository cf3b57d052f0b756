/**
 * The subcommands of `runlease`, each loaded on demand.
 */
import * as Command from "@effect/cli/Command"
import { Effect } from "effect"

const modules = {
  init: () => import("./InitCommand.js"),
  dev: () => import("./DevCommand.js"),
  serve: () => import("./ServeCommand.js"),
  backup: () => import("./BackupCommand.js"),
  worker: () => import("./WorkerCommand.js"),
  submit: () => import("./SubmitCommand.js"),
  watch: () => import("./WatchCommand.js"),
  runs: () => import("./RunsCommand.js"),
  trials: () => import("./TrialsCommand.js"),
  rehearse: () => import("./RehearseCommand.js"),
  "crash-test": () => import("./CrashTestCommand.js"),
  conversations: () => import("./ConversationsCommand.js"),
  schedules: () => import("./SchedulesCommand.js"),
  resume: () => import("./ResumeCommand.js"),
  tell: () => import("./TellCommand.js"),
  workers: () => import("./WorkersCommand.js"),
  limits: () => import("./LimitsCommand.js"),
  rollout: () => import("./RolloutCommand.js"),
  webhooks: () => import("./WebhooksCommand.js"),
  "webhook-sources": () => import("./WebhookSourcesCommand.js"),
  outbox: () => import("./OutboxCommand.js"),
  relay: () => import("./RelayCommand.js"),
  mcp: () => import("./McpCommand.js"),
  doctor: () => import("./DoctorCommand.js"),
  tokens: () => import("./TokensCommand.js"),
  keys: () => import("./KeysCommand.js"),
  sql: () => import("./SqlCommand.js"),
  demo: () => import("./DemoCommand.js"),
}

type Name = keyof typeof modules

const names = Object.keys(modules) as ReadonlyArray<Name>

const isName = (arg: string): arg is Name => Object.hasOwn(modules, arg)

const root = Command.make("runlease")

/** The command with the subcommand that `args` begin with, or with all of them, as completions need. */
export const load = Effect.fnUntraced(function* (args: ReadonlyArray<string>) {
  const first = args.find((arg) => !arg.startsWith("-"))
  const wanted = first !== undefined && isName(first) ? [first] : names
  const loaded = yield* Effect.promise(() =>
    Promise.all(wanted.map(async (name) => (await modules[name]()).command)),
  )
  const [command, ...others] = loaded
  return Command.withSubcommands(root, [command!, ...others])
})
