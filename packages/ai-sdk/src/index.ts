export * as AiSdk from "./AiSdk.js"
