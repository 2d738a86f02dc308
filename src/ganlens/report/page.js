"use strict";

const root = document.documentElement;
const all = (selector) => [...document.querySelectorAll(selector)];

// ---- theme: the system's, until someone presses the button ----
const systemDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);

function showTheme() {
  const button = document.querySelector("button.theme");
  button.hidden = false;
  button.setAttribute("aria-pressed", String(isDark()));
  button.querySelector("span").textContent = isDark() ? "Light" : "Dark";
  button.setAttribute("aria-label", `Use the ${isDark() ? "light" : "dark"} theme`);
  redrawPlots();
}

document.querySelector("button.theme").addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.setItem("ganlens-theme", root.dataset.theme); } catch { /* not remembered, still applied */ }
  showTheme();
});
systemDark.addEventListener("change", showTheme);

// ---- contents: open beside the text on a wide window, folded above it on a narrow one ----
const contents = document.querySelector("details.contents");
const wide = matchMedia("(min-width: 1080px)");
const foldContents = () => { contents.open = wide.matches; };
wide.addEventListener("change", foldContents);
foldContents();
contents.addEventListener("click", (event) => {
  if (!wide.matches && event.target.closest("a")) contents.open = false;
});

const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
const inView = new Set();
const watchSections = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) {
    if (isIntersecting) inView.add(target.id); else inView.delete(target.id);
  }
  const current = [...links.keys()].filter((id) => inView.has(id)).pop();
  for (const [id, link] of links) {
    if (id === current) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  }
}, { rootMargin: "-8% 0px -82% 0px" });
for (const id of links.keys()) {
  const target = document.getElementById(id);
  if (target) watchSections.observe(target);
}

// ---- pictures: never smoothed when enlarged, but smoothed where a narrow window shrinks them ----
const watchPictures = new ResizeObserver((changes) => {
  for (const { target } of changes) {
    target.classList.toggle("shrunk", target.clientWidth * devicePixelRatio < target.naturalWidth);
  }
});
for (const picture of all("img.crisp")) watchPictures.observe(picture);

const dialog = document.querySelector("dialog.zoom");
for (const button of all("button.enlarge")) {
  button.addEventListener("click", () => {
    const from = button.querySelector("img");
    const to = dialog.querySelector("img");
    const room = Math.min((innerWidth * 0.94) / from.naturalWidth, (innerHeight * 0.8) / from.naturalHeight);
    to.src = from.src;
    to.alt = from.alt;
    to.className = from.classList.contains("crisp") && room >= 1 ? "crisp" : "";
    to.width = from.naturalWidth * (room > 1 ? Math.floor(room) : room);
    dialog.querySelector("p").textContent = from.alt;
    dialog.showModal();
  });
}
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

// ---- commands ----
if (navigator.clipboard) {
  for (const button of all("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.previousElementSibling.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
}

// ---- plots: drawn when they come near the window; Plotly itself is not even parsed before ----
const COLOURS = {
  light: ["#0072b2", "#d55e00", "#00876a", "#b4569a", "#b07a00", "#4a9fd0", "#6b7280"],
  dark: ["#62b6f0", "#ff9955", "#3ecfa5", "#e6a0cd", "#f0c54a", "#9fd3f5", "#aab2bf"],
};
// Okabe and Ito's colours, in which probes fix what a series means, lifted for a dark ground: same hues, more light.
const LIFTED = {
  "#0072b2": "#62b6f0", "#d55e00": "#ff9955", "#009e73": "#3ecfa5", "#cc79a7": "#e6a0cd", "#e69f00": "#f0c54a",
  "#000000": "#e7eaf0",
};
const clear = "rgba(0,0,0,0)";
const drawn = new Set();

// It is unpacked at once, since printing can't wait for it, and run when it is needed.
let plotlySource = null;
async function unpackPlotly() {
  const packed = document.getElementById("plotly-source");
  if (!packed) return;
  const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
  plotlySource = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
const plotlyUnpacked = unpackPlotly();

function loadPlotly() {
  if (window.Plotly) return;
  const script = document.createElement("script");
  script.textContent = plotlySource;
  document.head.append(script);
}

function themeColour(name) {
  const swatch = document.createElement("i");
  swatch.style.color = `var(--${name})`;
  document.body.append(swatch);
  const colour = getComputedStyle(swatch).color;
  swatch.remove();
  return colour;
}

function themeTemplate() {
  const [ink, muted, line, surface] = ["ink", "muted", "line", "surface"].map(themeColour);
  const axis = {
    gridcolor: line, linecolor: line, zerolinecolor: muted, zerolinewidth: 1, tickcolor: line, automargin: true,
    title: { standoff: 8, font: { size: 13, color: muted } }, tickfont: { color: muted },
  };
  const scaled = { colorscale: "Viridis", colorbar: { outlinewidth: 0, thickness: 12, tickfont: { color: muted } } };
  return {
    layout: {
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: ink },
      title: { font: { size: 15 }, x: 0, xanchor: "left" },
      colorway: COLOURS[isDark() ? "dark" : "light"],
      xaxis: axis, yaxis: axis,
      polar: { bgcolor: clear, angularaxis: axis, radialaxis: axis },
      scene: { xaxis: axis, yaxis: axis, zaxis: axis },
      legend: { bgcolor: clear, orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" },
      modebar: { bgcolor: clear, color: muted, activecolor: ink },
      hoverlabel: { bgcolor: surface, bordercolor: muted, font: { color: ink } },
      annotationdefaults: { bgcolor: surface, font: { color: ink } },
      bargap: 0.25,
    },
    data: {
      heatmap: [scaled], contour: [scaled], histogram2d: [scaled], surface: [scaled],
      bar: [{ marker: { line: { width: 0 } }, error_x: { color: ink }, error_y: { color: ink } }],
    },
  };
}

function draw(canvas, width) {
  if (plotlySource === null) {
    plotlyUnpacked.then(() => draw(canvas, width), () => { canvas.textContent = "Plots need a browser of 2023 or later."; });
    return;
  }
  loadPlotly();
  const figure = JSON.parse(canvas.nextElementSibling.textContent, (_, value) =>
    isDark() && typeof value === "string" ? LIFTED[value.toLowerCase()] ?? value : value);
  const narrow = canvas.clientWidth < 560;
  const given = figure.layout ?? {};
  const layout = {
    ...given,
    template: themeTemplate(),
    autosize: width === undefined,
    width,
    paper_bgcolor: clear,
    plot_bgcolor: clear,
    height: given.height ?? canvas.clientHeight,
    margin: { l: 48, r: 12, t: given.title?.text ? 44 : 32, b: 44, ...given.margin },
  };
  if (narrow) layout.legend = { ...given.legend, ...layout.template.layout.legend };
  canvas.querySelector("noscript")?.remove();
  drawn.add(canvas);
  Plotly.react(canvas, figure.data, layout, {
    responsive: true, displaylogo: false,
    displayModeBar: narrow ? false : "hover",
    modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
    // Plotly's own button would upload the plot to its makers' server. Nothing in a report leaves this file.
    showSendToCloud: false, plotlyServerURL: "",
  });
}

function redrawPlots() { drawn.forEach((canvas) => draw(canvas)); }

const watchPlots = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) {
    if (isIntersecting) { watchPlots.unobserve(target); draw(target); }
  }
}, { rootMargin: "600px" });
for (const canvas of all("figure.plot .canvas")) watchPlots.observe(canvas);

// ---- paper: everything unfolded and drawn, in the light theme ----
const PAPER_WIDTH = 660; // CSS pixels: fits A4 and US Letter within the usual margins
let beforePaper = null;
addEventListener("beforeprint", () => {
  beforePaper = { theme: root.dataset.theme, folded: all("details.method:not([open]), details.more:not([open])") };
  root.dataset.theme = "light";
  for (const details of beforePaper.folded) details.open = true;
  for (const canvas of all("figure.plot .canvas")) draw(canvas, PAPER_WIDTH);
});
addEventListener("afterprint", () => {
  if (!beforePaper) return;
  if (beforePaper.theme) root.dataset.theme = beforePaper.theme; else delete root.dataset.theme;
  for (const details of beforePaper.folded) details.open = false;
  beforePaper = null;
  redrawPlots();
});

showTheme();
