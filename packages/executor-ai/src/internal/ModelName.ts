/** The name of a model, as requests to it have it. */
import { Context } from "effect"

/** The name of the model of the context, for spans. `AiModel.fromName` provides it; a Layer of one's own may. */
export class ModelName extends Context.Tag("@runlease/executor-ai/AiModel/ModelName")<ModelName, string>() {}
