// What every page gets from script. Without it each page still works: it is then a page that stands still.
import { startClock } from "./time.js";
import { startLive } from "./live.js";
import { startKeys } from "./keys.js";
import { startPalette } from "./palette.js";
import { startTheme } from "./theme.js";
import { startTips } from "./rail.js";
import { startRetry } from "./retry.js";

document.documentElement.classList.add("scripted");
startClock();
startTheme();
startKeys();
startPalette();
startTips();
startRetry();
startLive();
document.querySelector("form[data-continue]")?.requestSubmit(); // many are done in parts, one page after the other
