export * as ResponsesFace from "./ResponsesFace.js"
