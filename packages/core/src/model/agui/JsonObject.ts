/** Plain records, and what one says that another does not. */
import { Predicate } from "effect"
import { equalJson } from "../Json.js"

export type Json = Readonly<Record<string, unknown>>

export const isRecord = (value: unknown): value is Json => Predicate.isRecord(value) && !Array.isArray(value)

export const without = (record: Json, ...keys: ReadonlyArray<string>): Json =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)))

/** `{ [key]: value }`, or nothing when there is no value. */
export const optional = (key: string, value: unknown): Json => (value === undefined ? {} : { [key]: value })

/** The one key of ours in the metadata of others. */
export const ourKey = "runlease"

export const ours = (metadata: unknown): unknown => (isRecord(metadata) ? metadata[ourKey] : undefined)

/** The fields of `to` that `from` does not have, or has otherwise. */
export const beyond = (from: Json, to: Json): Json =>
  Object.fromEntries(
    Object.entries(to).filter(
      ([key, value]) => value !== undefined && !(Object.hasOwn(from, key) && equalJson(from[key], value)),
    ),
  )
