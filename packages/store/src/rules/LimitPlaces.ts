/**
 * The places of a run at its limits, as plain values.
 *
 * A run goes through its limits in their order, from narrow to wide. It has a place at each that it has passed. The limit of its project is
 * among them only while it works.
 */
import * as LimitKey from "./LimitKey.js"

/**
 * A limit of a run. `since`: when the run got a place there, in milliseconds since the epoch; null without one. `stale`: no worker has
 * claimed the run for a while since, so its place is free for another.
 */
export interface LimitPlace {
  readonly name: string
  readonly since: number | null
  readonly stale: boolean
}

/** The limits of a run; null for a run without one, as most are. */
export type LimitPlaces = ReadonlyArray<LimitPlace> | null

const without = (name: string): LimitPlace => ({ name, since: null, stale: false })

/** Limits without places. */
export const of = (names: ReadonlyArray<string>): LimitPlaces =>
  names.length === 0 ? null : names.map(without)

/** The same limits without places, from the one at `index` on. */
export const clearFrom = (places: LimitPlaces, index: number): LimitPlaces =>
  places === null || places.slice(index).every(({ since }) => since === null)
    ? places
    : places.map((place, at) => (at < index ? place : without(place.name)))

/** The limits of a run that does not work, without places. */
export const clear = (places: LimitPlaces): LimitPlaces => {
  const isOfProject = places?.some(({ name }) => LimitKey.scopeOf(name) === "project") === true
  return isOfProject
    ? of(places.filter(({ name }) => LimitKey.scopeOf(name) !== "project").map(({ name }) => name))
    : clearFrom(places, 0)
}

/** A further limit, the widest one. */
export const add = (places: LimitPlaces, name: string): LimitPlaces => [...(places ?? []), without(name)]

/** Where a run is that has gone through all limits before this one; -1 where it has gone through all. */
export const firstWithout = (places: LimitPlaces): number =>
  places === null ? -1 : places.findIndex(({ since }) => since === null)

/** The place at one limit; undefined for a run without that limit. */
export const at = (places: LimitPlaces, name: string): LimitPlace | undefined =>
  places?.find((place) => place.name === name)

/** The same limits, with another place at one of them. */
export const replace = (places: LimitPlaces, place: LimitPlace): LimitPlaces =>
  places === null ? null : places.map((each) => (each.name === place.name ? place : each))
