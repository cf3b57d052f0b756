import { Page } from "../../shell/Page"

const ThisPage = () => <Page title="Workers">{null}</Page>

export default ThisPage
