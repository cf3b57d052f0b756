import DefaultTheme from "vitepress/theme-without-fonts"
import "@fontsource-variable/geist/wght.css"
import "@fontsource-variable/geist-mono/wght.css"
import "./style.css"
import { h } from "vue"

/** The page of an address that is not there. */
const missing = () =>
  h("main", { class: "home vp-doc" }, [
    h("h1", "No such page"),
    h("p", ["Search for it, or begin at ", h("a", { href: "/docs/" }, "the home page"), "."]),
  ])

export default { ...DefaultTheme, Layout: () => h(DefaultTheme.Layout, null, { "not-found": missing }) }
