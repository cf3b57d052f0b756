/** An answer in a few words. */
import { type Answer, type Question, isRecord } from "../model/questions"
import { editsName } from "./mode"

/** `approved`, `declined`, `answered` */
export const verdictOf = (question: Question, { isError, payload, status }: Answer): string => {
  if (status === "cancelled") return "declined"
  if (question.clientTool) return isError ? "the client says that it failed" : "answered by the client"
  if (payload === true) return "approved"
  if (payload === false) return "declined"
  const approved = isRecord(payload) ? payload["approved"] : undefined
  if (approved === true)
    return isRecord(payload) && payload[editsName] != null ? "approved with edits" : "approved"
  if (approved === false) return "declined"
  return question.reason === "confirmation" ? "approved" : "answered"
}

/** What an answer says besides yes or no: its members, or its text. */
export const saidIn = ({ payload }: Answer): ReadonlyArray<readonly [name: string, value: string]> => {
  if (typeof payload === "string") return payload === "" ? [] : [["", payload]]
  if (!isRecord(payload))
    return payload === undefined || payload === null || typeof payload === "boolean"
      ? []
      : [["", JSON.stringify(payload)]]
  return Object.entries(payload)
    .filter(([name, value]) => name !== "approved" && value !== "" && value !== undefined)
    .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)] as const)
}
