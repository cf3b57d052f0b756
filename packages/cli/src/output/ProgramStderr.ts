/**
 * What the programs of a worker write to stderr, as lines of the worker's own output.
 */
import { Diagnostics } from "@runlease/process"
import { Array, Effect, FiberRef, HashMap, HashSet, Logger, Option } from "effect"

/** A line of a program's stderr. */
export interface Line {
  readonly time: Date
  readonly runId: string
  readonly agentId: string
  readonly text: string
}

const lineOf = ({ annotations, date, message }: Logger.Logger.Options<unknown>): Option.Option<Line> => {
  const annotation = (name: string) => Option.getOrElse(HashMap.get(annotations, name), () => "")
  return annotation("stream") === Diagnostics.annotation.stream
    ? Option.some({
        time: date,
        runId: String(annotation("run_id")),
        agentId: String(annotation("agent_id")),
        text: Array.ensure(message).join(" "),
      })
    : Option.none()
}

/**
 * Prints the lines of stderr that an effect logs as `format` shows them, on stdout; every other entry of its log goes
 * where it went.
 */
export const printed =
  (format: (line: Line) => string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.locallyWith(effect, FiberRef.currentLoggers, (loggers) =>
      HashSet.map(loggers, (logger) =>
        Logger.make<unknown, unknown>((options) =>
          Option.match(lineOf(options), {
            onNone: () => logger.log(options),
            onSome: (line) => stdout.log({ ...options, message: format(line) }),
          }),
        ),
      ),
    )

const stdout = Logger.withConsoleLog(Logger.make<unknown, string>(({ message }) => String(message)))
