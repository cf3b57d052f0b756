import { AiSdk } from "@runlease/ai-sdk"
import * as Desk from "./agent.js"

export default AiSdk.agent({ ...Desk.settings, sideEffects: { find_order: "pure" } })
