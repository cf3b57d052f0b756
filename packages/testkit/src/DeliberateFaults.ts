/**
 * Deliberate faults: a control plane or a worker that does one thing wrong. They show what a simulation finds.
 *
 * Most of them are a port that lies. Where the fault is one of a worker, it is the port as that worker has it.
 */
import * as Families from "./simulation/faults/Families.js"
import type { DeliberateFault } from "./simulation/faults/Fault.js"
import * as Fencing from "./simulation/faults/Fencing.js"
import * as Limits from "./simulation/faults/Limits.js"
import * as Logs from "./simulation/faults/Logs.js"
import * as Outcomes from "./simulation/faults/Outcomes.js"
import * as Ticks from "./simulation/faults/Ticks.js"

export type { DeliberateFault } from "./simulation/faults/Fault.js"

/**
 * The faults by their names.
 *
 * @category faults
 */
export const all = {
  "renewal-without-epoch": {
    sentence: "a lease is renewed by its owner alone",
    store: Fencing.renewalWithoutEpoch,
  },
  "same-epoch": {
    sentence: "a claim does not raise the epoch",
    store: Fencing.sameEpoch,
  },
  "append-checked-before": {
    sentence: "an append is checked before its transaction",
    store: Fencing.appendCheckedBefore,
  },
  "lapsed-append": {
    sentence: "an append under a lapsed lease is accepted until the sweep",
    store: Fencing.lapsedAppend,
  },
  "lapsed-complete": {
    sentence: "an outcome under a lapsed lease is accepted until the sweep",
    store: Fencing.lapsedComplete,
  },
  "lease-after-undo": {
    sentence: "a commit that is undone, as another server has written, does not forget its runs",
    leases: Fencing.rememberedAfterUndo,
  },
  "deadline-from-answer": {
    sentence: "a worker counts its lease from the answer to its claim, and not from the request",
    worker: Fencing.deadlineFromAnswer,
  },
  "one-too-many": {
    sentence: "a worker executes more runs at once than it has slots",
    slots: (slots: number) => slots + 1,
  },
  "no-marks": {
    sentence: "a log has no marks of attempts",
    store: Logs.withoutMarks,
  },
  "no-closings": {
    sentence: "what a dead attempt had left open stays open",
    store: Logs.withoutClosings,
  },
  "no-cursor": {
    sentence: "a repeated append adds its events again",
    store: Logs.withoutCursor,
  },
  "record-after-effect": {
    sentence: "a step is recorded after its effect was shown",
    worker: Logs.recordAfterEffect,
  },
  "cancel-only-pushed": {
    sentence: "a worker learns of a cancellation by a signal alone",
    store: Outcomes.cancelOnlyPushed,
  },
  "last-outcome-wins": {
    sentence: "a later outcome of a run replaces the first",
    store: Outcomes.lastOutcomeWins,
  },
  "lost-outcome": {
    sentence: "an outcome is acknowledged and lost",
    store: Outcomes.lostOutcome,
  },
  "lost-submission": {
    sentence: "a submission is acknowledged and lost",
    store: Outcomes.lostSubmission,
  },
  "no-lanes": {
    sentence: "runs of one conversation overlap",
    store: Outcomes.withoutLanes,
  },
  "no-bound": {
    sentence: "a run has more attempts than it may have",
    store: Outcomes.withoutBound,
  },
  "no-keys": {
    sentence: "a message that is sent again arrives again",
    store: Outcomes.withoutKeys,
  },
  "another-child": {
    sentence: "a spawn that is sent again spawns another child",
    store: Families.anotherChild,
  },
  "child-end-twice": {
    sentence: "a parent gets the end of a child twice",
    store: Families.repeatedChildEnd,
  },
  "charged-again": {
    sentence: "a report of usage that is sent again is charged again",
    store: Families.chargedAgain,
  },
  "lost-wake-up": {
    sentence: "a parent waits for children that have ended since it looked",
    store: Families.lostWakeUp,
  },
  "early-join": {
    sentence: "a parent goes on before the last of the children that it waits for has ended",
    store: Families.earlyJoin,
  },
  "declared-again": {
    sentence: "a declaration of schedules that is sent again makes its schedules again",
    store: Ticks.declaredAgain,
  },
  "uncounted-ticks": {
    sentence: "a schedule does not count the ticks that it skips",
    store: Ticks.uncounted,
  },
  "one-over-limit": {
    sentence: "a limit lets one run more work than its key allows",
    store: Limits.oneMore,
  },
  "lost-pause": {
    sentence: "a pause of a limit is acknowledged and lost",
    store: Limits.lostPause,
  },
  "leaked-place": {
    sentence: "a limit counts a run that does not work",
    store: Limits.leakedPlace,
  },
} satisfies Readonly<Record<string, DeliberateFault>>
