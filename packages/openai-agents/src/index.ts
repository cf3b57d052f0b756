export * as OpenAIAgents from "./OpenAIAgents.js"
