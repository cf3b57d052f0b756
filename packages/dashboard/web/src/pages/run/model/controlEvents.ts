/** What the control plane writes: children, messages to the run, waits, the ends of attempts and of the run. */
import { questionOf, isRecord } from "./questions"
import { childrenWord, openChildren, type Read, type RunLog } from "./runLog"
import { attachQuestion, supersede } from "./openedItems"
import type { EndPart } from "./parts"
import { breakOff } from "./stepEvents"

type Fold = (log: RunLog, read: Read, value: Readonly<Record<string, unknown>>) => void

const text = (value: unknown): string | null => (typeof value === "string" ? value : null)

const base = ({ at, eventId }: Read, kind: string) => ({ key: `${kind}-${eventId}`, eventId, at, version: 0 })

/** The texts of a message's parts; what is no text by its type. */
const textOfParts = (parts: unknown): string =>
  (Array.isArray(parts) ? parts : [])
    .map((part: unknown) =>
      !isRecord(part)
        ? ""
        : part["type"] === "text" && typeof part["text"] === "string"
          ? part["text"]
          : `[${String(part["type"])}]`,
    )
    .join("\n")

const child: Fold = (log, read, value) => {
  const runId = text(value["child_run_id"])
  if (runId === null) return
  const before = log.children.get(runId)
  const { outcome } = value
  if (before !== undefined) {
    if (!isRecord(outcome)) return
    const error = outcome["error"]
    before.outcome = {
      status: String(outcome["status"]),
      message: isRecord(error) ? text(error["message"]) : null,
    }
    before.endedAt = read.at
    before.version += 1
    return
  }
  const part = {
    ...base(read, "child"),
    kind: "child" as const,
    runId,
    name: text(value["name"]) ?? "child",
    index: typeof value["index"] === "number" ? value["index"] : null,
    outcome: null,
    endedAt: null,
  }
  log.children.set(runId, part)
  log.parts.push(part)
}

const message: Fold = (log, read, value) => {
  const number = Number(value["number"])
  const part = {
    ...base(read, "told"),
    kind: "told" as const,
    number,
    text: textOfParts(value["parts"]),
    isRead: false,
  }
  log.told.set(number, part)
  log.parts.push(part)
}

const pauseWords: Readonly<Record<string, string>> = {
  message: "a message",
  budget: "a higher budget",
  sleep: "its time",
}

const pauseWord = (reason: string, { children }: RunLog): string => {
  if (reason !== "children") return pauseWords[reason] ?? reason
  return childrenWord(openChildren(children).length)
}

const waiting: Fold = (log, read, value) => {
  supersede(log)
  const reasons = value["reasons"]
  const until = text(value["until"])
  const words = Array.isArray(reasons) ? reasons.map(String) : []
  log.waits.push({ at: read.at, reasons: words.map((reason) => pauseWord(reason, log)) })
  log.parts.push({
    ...base(read, "pause"),
    kind: "pause",
    reasons: words.map((reason) => pauseWord(reason, log)),
    until: until === null ? null : Date.parse(until),
  })
}

const attempt: Fold = (log, read, value) => {
  supersede(log)
  breakOff(log, read.at)
  const previous = isRecord(value["previous"]) ? value["previous"] : {}
  const { attempt: number, unfinished } = value
  log.parts.push({
    ...base(read, "takeover"),
    kind: "takeover",
    previousWorker: String(previous["worker_id"]),
    ended: String(previous["ended"]),
    reason: text(previous["reason"]),
    attempt: typeof number === "number" ? number : null,
    worker: text(value["worker_id"]),
    unfinished: typeof unfinished === "number" ? unfinished : 0,
    read: log.done,
  })
}

const retry: Fold = (log, _read, value) => {
  log.retry = {
    runId: String(value["run_id"]),
    records: Number(value["records"]),
    answers: Number(value["answers"]),
    fromStart: value["from_start"] === true,
  }
}

const folds: Readonly<Record<string, Fold>> = {
  "runlease.child": child,
  "runlease.message": message,
  "runlease.waiting": waiting,
  "runlease.attempt": attempt,
  "runlease.retry": retry,
}

/** An executor may have an event of the same name, which says nothing of the run. */
export const isControl = (name: string, byControl: boolean): boolean =>
  byControl && Object.hasOwn(folds, name)

export const fold = (log: RunLog, read: Read, name: string, value: unknown): void => {
  if (isRecord(value)) folds[name]!(log, read, value)
}

const ended = (
  log: RunLog,
  read: Read,
  end: Pick<EndPart, "status" | "message" | "code" | "result">,
): void => {
  breakOff(log, read.at)
  log.parts.push({ ...base(read, "end"), kind: "end", ...end })
}

const isBudget = (interrupt: unknown): boolean => isRecord(interrupt) && interrupt["reason"] === "budget"

/** RUN_FINISHED: the run waits for answers, or it has ended. */
export const finished = (log: RunLog, read: Read): void => {
  const outcome = isRecord(read.event["outcome"]) ? read.event["outcome"] : {}
  const { interrupts, type } = outcome
  if (type === "interrupt") {
    const all = Array.isArray(interrupts) ? interrupts : []
    log.waits.push({ at: read.at, reasons: [all.some(isBudget) ? "a higher budget" : "an answer"] })
    for (const interrupt of all) {
      const question = questionOf(interrupt)
      if (question === undefined || attachQuestion(log, interrupt)) continue
      log.parts.push({ ...base(read, `question-${question.id}`), kind: "question", question })
    }
    return
  }
  if (!read.byControl) return
  ended(log, read, {
    status: type === "cancelled" ? "cancelled" : "completed",
    message: null,
    code: null,
    result: read.event["result"],
  })
}

export const failed = (log: RunLog, read: Read): void => {
  if (!read.byControl) return
  ended(log, read, {
    status: "failed",
    message: text(read.event["message"]),
    code: text(read.event["code"]),
    result: undefined,
  })
}
