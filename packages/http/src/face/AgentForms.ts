/** The check of the input of a run, by the JSON Schemas that the workers of its agent register. */
export { AgentForms, check } from "../server/AgentForms.js"
