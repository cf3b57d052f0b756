/** JSON objects and the differences between them. */
import { Predicate } from "effect"
import { equalJson } from "../Json.js"

export type Json = Readonly<Record<string, unknown>>

export const isRecord = (value: unknown): value is Json => Predicate.isRecord(value) && !Array.isArray(value)

export const without = (record: Json, ...keys: ReadonlyArray<string>): Json =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)))

/** `{ [key]: value }`, or `{}` when the value is undefined. */
export const optional = (key: string, value: unknown): Json => (value === undefined ? {} : { [key]: value })

/** Our key in the metadata of an AG-UI message or part. */
export const ourKey = "runlease"

export const ours = (metadata: unknown): unknown => (isRecord(metadata) ? metadata[ourKey] : undefined)

/** The fields of `to` that `from` lacks or has with another value. */
export const difference = (from: Json, to: Json): Json =>
  Object.fromEntries(
    Object.entries(to).filter(
      ([key, value]) => value !== undefined && !(Object.hasOwn(from, key) && equalJson(from[key], value)),
    ),
  )
