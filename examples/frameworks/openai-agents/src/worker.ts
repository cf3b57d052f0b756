import { OpenAIAgents } from "@runlease/openai-agents"
import * as Desk from "./agent.js"

export default OpenAIAgents.agent(Desk.agent, { sideEffects: { find_order: "pure" } })
