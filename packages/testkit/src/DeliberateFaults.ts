/**
 * Deliberate faults: a control plane or a worker that does one thing wrong. They show what a simulation finds.
 *
 * Most of them are a port that lies. Where the fault is one of a worker, it is the port as that worker has it.
 */
import * as PortFaults from "./simulation/faults/PortFaults.js"
import type { DeliberateFault } from "./simulation/faults/Fault.js"

export type { DeliberateFault } from "./simulation/faults/Fault.js"

/** The faults by their names. */
export const all = {
  "renewal-without-epoch": {
    sentence: "a lease is renewed by its owner alone",
    store: PortFaults.renewalWithoutEpoch,
  },
  "same-epoch": {
    sentence: "a claim does not raise the epoch",
    store: PortFaults.sameEpoch,
  },
  "append-checked-before": {
    sentence: "an append is checked before its transaction",
    store: PortFaults.appendCheckedBefore,
  },
  "lapsed-append": {
    sentence: "an append under a lapsed lease is accepted until the sweep",
    store: PortFaults.lapsedAppend,
  },
  "lapsed-complete": {
    sentence: "an outcome under a lapsed lease is accepted until the sweep",
    store: PortFaults.lapsedComplete,
  },
  "lease-after-undo": {
    sentence: "a commit that is undone, as another server has written, does not forget its runs",
    leases: PortFaults.rememberedAfterUndo,
  },
  "deadline-from-answer": {
    sentence: "a worker counts its lease from the answer to its claim, and not from the request",
    worker: PortFaults.deadlineFromAnswer,
  },
  "one-too-many": {
    sentence: "a worker executes more runs at once than it has slots",
    slots: (slots: number) => slots + 1,
  },
  "no-marks": {
    sentence: "a log has no marks of attempts",
    store: PortFaults.withoutMarks,
  },
  "no-closings": {
    sentence: "what a dead attempt had left open stays open",
    store: PortFaults.withoutClosings,
  },
  "no-cursor": {
    sentence: "a repeated append adds its events again",
    store: PortFaults.withoutCursor,
  },
  "record-after-effect": {
    sentence: "a step is recorded after its effect was shown",
    worker: PortFaults.recordAfterEffect,
  },
  "cancel-only-pushed": {
    sentence: "a worker learns of a cancellation by a signal alone",
    store: PortFaults.cancelOnlyPushed,
  },
  "last-outcome-wins": {
    sentence: "a later outcome of a run replaces the first",
    store: PortFaults.lastOutcomeWins,
  },
  "lost-outcome": {
    sentence: "an outcome is acknowledged and lost",
    store: PortFaults.lostOutcome,
  },
  "lost-submission": {
    sentence: "a submission is acknowledged and lost",
    store: PortFaults.lostSubmission,
  },
  "no-lanes": {
    sentence: "runs of one conversation overlap",
    store: PortFaults.withoutLanes,
  },
  "no-bound": {
    sentence: "a run has more attempts than it may have",
    store: PortFaults.withoutBound,
  },
  "no-keys": {
    sentence: "a message that is sent again arrives again",
    store: PortFaults.withoutKeys,
  },
  "another-child": {
    sentence: "a spawn that is sent again spawns another child",
    store: PortFaults.anotherChild,
  },
  "child-end-twice": {
    sentence: "a parent gets the end of a child twice",
    store: PortFaults.repeatedChildEnd,
  },
  "charged-again": {
    sentence: "a report of usage that is sent again is charged again",
    store: PortFaults.chargedAgain,
  },
  "lost-wake-up": {
    sentence: "a parent waits for children that have ended since it looked",
    store: PortFaults.lostWakeUp,
  },
  "early-join": {
    sentence: "a parent goes on before the last of the children that it waits for has ended",
    store: PortFaults.earlyJoin,
  },
  "declared-again": {
    sentence: "a declaration of schedules that is sent again makes its schedules again",
    store: PortFaults.declaredAgain,
  },
  "uncounted-ticks": {
    sentence: "a schedule does not count the ticks that it skips",
    store: PortFaults.uncounted,
  },
  "one-over-limit": {
    sentence: "a limit lets one run more work than its key allows",
    store: PortFaults.oneMore,
  },
  "lost-pause": {
    sentence: "a pause of a limit is acknowledged and lost",
    store: PortFaults.lostPause,
  },
  "leaked-place": {
    sentence: "a limit counts a run that does not work",
    store: PortFaults.leakedPlace,
  },
} satisfies Readonly<Record<string, DeliberateFault>>
