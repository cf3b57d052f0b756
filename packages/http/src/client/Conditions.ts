/** The conditions of a list as its query has them. */
import type { MetadataFilter, OneOrMore } from "@runlease/core"
import { Array, Record } from "effect"
import { metadataName } from "../Api/RunFilter.js"

/** A list without values is no condition. */
export const listOf = <A>(values: OneOrMore.OneOrMore<A> | undefined): ReadonlyArray<A> | undefined =>
  values === undefined || (Array.isArray(values) && values.length === 0) ? undefined : Array.ensure(values)

/** The conditions on metadata have their paths in their names, which no schema lists. */
export const onMetadata = (metadata: MetadataFilter.MetadataFilter = {}) =>
  Record.mapKeys(metadata, metadataName) as {}
