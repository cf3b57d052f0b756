/**
 * What authors of executors need besides `@runlease/core`: what earlier attempts recorded, steps that another program reports,
 * and AG-UI events of other programs.
 */
export * as AgUiChunks from "./model/AgUiChunks.js"
export * as AgUiMembers from "./model/AgUiMembers.js"
export * as AgUiMessages from "./model/AgUiMessages.js"
export * as AgentOutcome from "./executor/AgentOutcome.js"
export * as AttemptInbox from "./executor/AttemptInbox.js"
export * as ChildRuns from "./executor/ChildRuns.js"
export * as DrainHold from "./executor/DrainHold.js"
export * as Json from "./model/Json.js"
export * as LeaseDeadline from "./executor/LeaseDeadline.js"
export * as ModelRequest from "./executor/ModelRequest.js"
export * as PastAttempts from "./executor/PastAttempts.js"
export * as RecordedTurns from "./executor/RecordedTurns.js"
export * as ReportedSteps from "./executor/ReportedSteps.js"
export * as RunTokens from "./executor/RunTokens.js"
export * as SettledRun from "./executor/SettledRun.js"
export * as StepCodec from "./executor/StepCodec.js"
export * as StepLog from "./executor/StepLog.js"
export * as ToolArguments from "./model/ToolArguments.js"
export * as ToolCalls from "./executor/ToolCalls.js"
export * as Tracing from "./ports/Tracing.js"
