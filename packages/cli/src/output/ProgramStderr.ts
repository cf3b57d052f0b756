/**
 * Prints the stderr of a worker's programs as lines of the worker's own output.
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
 * Prints on stdout, formatted by `format`, the log entries of an effect that are lines of a program's stderr. All other
 * entries stay with their loggers.
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
