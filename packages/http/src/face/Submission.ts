/** A new run: the check of its input, what it carries of the runs before it, and its submission in a thread. */
export { AgentForms, check as checkInput } from "../server/AgentForms.js"
export { before } from "../server/agui/Carry.js"
export { find, inThread } from "../server/agui/Submit.js"
