// Before the first paint: the theme someone chose earlier, so the page does not flash in the other one.
try {
  const theme = localStorage.getItem("ganlens-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* a file opened from disk may have no storage; the system's theme then stands */ }
