/** A thread: a conversation by the name that its client has for it, what of it has not ended, and what that waits for. */
export { answersIn, unfinished } from "../server/agui/History.js"
export { questions } from "../server/agui/Resume.js"
export { resume } from "../server/agui/Resume.js"
export { make, questionIds, runs, type Thread } from "../server/agui/Thread.js"
