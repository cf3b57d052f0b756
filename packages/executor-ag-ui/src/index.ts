export * as AgUiExecutor from "./AgUiExecutor.js"
