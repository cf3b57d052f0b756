/** Changes of the labels of runs, and how they fail. */
import { Either, ParseResult, Schema } from "effect"
import { LabelChanges, maxLabels } from "../model/Labels.js"

/** The labels are none that a run can have, or they would be more than 16: `field` names which. Nothing has changed. */
export class LabelsRefused extends Schema.TaggedError<LabelsRefused>("@runlease/core/LabelsRefused")(
  "LabelsRefused",
  { field: Schema.String, message: Schema.String },
) {}

/** A run would have too many labels. */
export const tooMany = (runId: string, count: number): LabelsRefused =>
  new LabelsRefused({
    field: "labels",
    message: `labels: run ${runId} would have ${count}, and a run has at most ${maxLabels}; null removes one`,
  })

const validate = Schema.validateEither(LabelChanges)

/** The changes, when they are of labels that a run can have. */
export const check = (changes: LabelChanges): Either.Either<LabelChanges, LabelsRefused> =>
  Either.mapLeft(validate(changes), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    const field = ["labels", ...(issue?.path ?? [])].map(String).join(".")
    return new LabelsRefused({
      field,
      message: `${field}: ${issue?.message.split("\n")[0] ?? "is malformed"}`,
    })
  })
