/**
 * Events with the fields that the schema of AG-UI has, and no others, at any depth.
 *
 * Source: `EventSchemas` of `@ag-ui/core`, as JSON Schema.
 */
import type { AgentEvent } from "@runlease/core"
import { Predicate } from "effect"
import type { z } from "zod/v4"
import * as ProtocolSchemas from "./ProtocolSchemas.js"

type Event = AgentEvent.LogEvent

/** A value with the fields of its schema: the same value where it has no others. */
type Prune = (value: unknown) => unknown

type JsonSchema = z.core.JSONSchema.JSONSchema | boolean

const whole: Prune = (value) => value

const ofObject = (properties: Readonly<Record<string, JsonSchema>>): Prune => {
  const fields = new Map(Object.entries(properties).map(([name, schema]) => [name, compile(schema) ?? whole]))
  return (value) => {
    if (!Predicate.isRecord(value)) return value
    let pruned: Record<string, unknown> | undefined
    for (const name of Object.keys(value)) {
      const field = fields.get(name)
      if (field === whole) continue
      const bare = field?.(value[name])
      if (field !== undefined && bare === value[name]) continue
      pruned ??= { ...value }
      if (field === undefined) delete pruned[name]
      else pruned[name] = bare
    }
    return pruned ?? value
  }
}

const ofArray =
  (item: Prune): Prune =>
  (value) => {
    if (!Array.isArray(value)) return value
    const pruned = value.map(item)
    return pruned.every((bare, index) => bare === value[index]) ? value : pruned
  }

/** Whether the value is of the alternative, by its kind and the fields that have one value alone. */
const isOf = (schema: JsonSchema, value: unknown): boolean => {
  if (typeof schema === "boolean") return false
  const { items, properties } = schema
  return Array.isArray(value)
    ? items !== undefined
    : Predicate.isRecord(value) &&
        properties !== undefined &&
        Object.entries(properties).every(
          ([name, field]) =>
            typeof field === "boolean" || field.const === undefined || field.const === value[name],
        )
}

const ofUnion = (alternatives: ReadonlyArray<JsonSchema>): Prune => {
  const compiled = alternatives.map((schema) => ({ schema, prune: compile(schema) }))
  return (value) => compiled.find(({ schema }) => isOf(schema, value))?.prune?.(value) ?? value
}

/** Undefined where there is nothing to leave out, as in members that the specification leaves open. */
const compile = (schema: JsonSchema): Prune | undefined => {
  if (typeof schema === "boolean" || schema["specOpen"] === true) return undefined
  const { anyOf, items, properties } = schema
  if (properties !== undefined) return ofObject(properties)
  const item = items === undefined || Array.isArray(items) ? undefined : compile(items)
  if (item !== undefined) return ofArray(item)
  return anyOf?.some((alternative) => compile(alternative) !== undefined) ? ofUnion(anyOf) : undefined
}

const typeOf = ({ properties }: z.core.JSONSchema.JSONSchema): unknown => {
  const type = properties?.["type"]
  return typeof type === "object" ? type.const : undefined
}

const compileAll = (): ReadonlyMap<unknown, Prune | undefined> => {
  const { anyOf: events = [] } = ProtocolSchemas.jsonSchemaOf(ProtocolSchemas.EventSchemas)
  return new Map(
    events.map((event) => [typeof event === "object" ? typeOf(event) : undefined, compile(event)]),
  )
}

let byType: ReturnType<typeof compileAll> | undefined

/** Takes events that fit the schema. */
export const of = (event: Event): Event => {
  byType ??= compileAll()
  return (byType.get(event.type)?.(event) ?? event) as Event
}
