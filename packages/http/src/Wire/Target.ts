/**
 * The two targets of a run, spread over keys of their own.
 *
 * @since 0.1.0
 */
import { Ids, type Run } from "@runlease/core"
import { Schema } from "effect"
import { nullish } from "../Wire.js"

const text = Schema.NullOr(Schema.String)

/** As claims and conversations show them: every key, null or not. */
export const shown = {
  source_target_kind: text,
  source_target_environment_id: text,
  source_target_branch_id: text,
  source_target_release_version: text,
  runtime_target_kind: text,
  runtime_target_environment_id: text,
  runtime_target_branch_id: text,
}

// A submission allows fewer kinds than another server may show.
const oneOf = (...kinds: ReadonlyArray<string>) =>
  Schema.String.pipe(
    Schema.filter((kind) => kinds.includes(kind), { message: () => `must be one of ${kinds.join(", ")}` }),
  )
const sourceKind = oneOf("project", "environment", "preview_branch", "release")
const runtimeKind = oneOf("main_branch", "environment", "preview_branch")

/** As a submission gives them. */
export const given = {
  source_target_kind: nullish(sourceKind),
  source_target_environment_id: nullish(Ids.Uuid),
  source_target_branch_id: nullish(Ids.Uuid),
  source_target_release_version: nullish(Ids.StorableText),
  runtime_target_kind: nullish(runtimeKind),
  runtime_target_environment_id: nullish(Ids.Uuid),
  runtime_target_branch_id: nullish(Ids.Uuid),
  runtime_target_release_version: nullish(Ids.StorableText),
}

type Text = string | null | undefined

interface Keys {
  readonly source_target_kind?: Text
  readonly source_target_environment_id?: Text
  readonly source_target_branch_id?: Text
  readonly source_target_release_version?: Text
  readonly runtime_target_kind?: Text
  readonly runtime_target_environment_id?: Text
  readonly runtime_target_branch_id?: Text
  readonly runtime_target_release_version?: Text
}

export const source = (keys: Keys): Run.Target => ({
  kind: keys.source_target_kind ?? null,
  environmentId: keys.source_target_environment_id ?? null,
  branchId: keys.source_target_branch_id ?? null,
  releaseVersion: keys.source_target_release_version ?? null,
})

export const runtime = (keys: Keys): Run.Target => ({
  kind: keys.runtime_target_kind ?? null,
  environmentId: keys.runtime_target_environment_id ?? null,
  branchId: keys.runtime_target_branch_id ?? null,
  releaseVersion: keys.runtime_target_release_version ?? null,
})

/** The keys of both targets. */
export const keys = (run: { readonly sourceTarget: Run.Target; readonly runtimeTarget: Run.Target }) => ({
  source_target_kind: run.sourceTarget.kind,
  source_target_environment_id: run.sourceTarget.environmentId,
  source_target_branch_id: run.sourceTarget.branchId,
  source_target_release_version: run.sourceTarget.releaseVersion,
  runtime_target_kind: run.runtimeTarget.kind,
  runtime_target_environment_id: run.runtimeTarget.environmentId,
  runtime_target_branch_id: run.runtimeTarget.branchId,
})

/** The keys of the runtime target alone. */
export const runtimeKeys = (target: Run.Target) => ({
  runtime_target_kind: target.kind,
  runtime_target_environment_id: target.environmentId,
  runtime_target_branch_id: target.branchId,
  runtime_target_release_version: target.releaseVersion,
})
