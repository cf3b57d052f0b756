/** The questions with which the parts of a run end. */
import { Interrupt, type Run, type RunLog } from "@runlease/core"
import { Either, Predicate, Stream } from "effect"
import type { Ports } from "../ProjectPorts.js"
import * as WrittenLog from "../WrittenLog.js"

/** The questions with which a part of a run ended, and the event that has them. */
export interface PartQuestions {
  readonly at: Run.EventId
  readonly interrupts: ReadonlyArray<Interrupt.Interrupt>
}

/** The control plane ends a part; an event of a worker does not. */
const questionsIn = ({ event, eventId, sequence }: RunLog.LogEntry): ReadonlyArray<PartQuestions> => {
  const { outcome } = event
  if (sequence !== null || !Predicate.isRecord(outcome)) return []
  return Either.match(Interrupt.fromEvent(outcome["interrupts"]), {
    onLeft: () => [],
    onRight: (interrupts) => [{ at: eventId, interrupts }],
  })
}

/** All questions of a run so far, in the order of its log. */
export const all = (ports: Ports, runId: Run.Run["runId"]) =>
  Stream.mapConcat(WrittenLog.entries(ports, { runId, types: ["RUN_FINISHED"] }), questionsIn)
