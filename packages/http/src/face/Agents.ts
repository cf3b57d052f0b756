/** An agent, as the workers of its project declare it. */
export { ofAgent as capabilities } from "../server/agui/Capabilities.js"
