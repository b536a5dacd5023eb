# What all pictures share: colours, and panels for lattice.

INK <- "#1b3a57"
ACCENT <- "#c8553d"
SOFT <- "#8aa4bd"

# Paler points the more there are.
point_alpha <- function(n) min(0.75, max(0.06, 14 / sqrt(n)))

with_alpha <- function(colour, alpha) grDevices::adjustcolor(colour, alpha.f = alpha)

plot_theme <- function(n = 100) {
  list(
    axis.line = list(col = "grey60"), axis.text = list(col = "grey25"),
    strip.background = list(col = "grey94"), strip.border = list(col = "grey60"),
    strip.shingle = list(col = "grey94"), par.main.text = list(cex = 1, font = 2),
    plot.symbol = list(col = with_alpha(INK, point_alpha(n)), pch = 16,
      cex = if (n > 2000) 0.4 else 0.65),
    plot.line = list(col = INK), box.rectangle = list(col = INK), box.umbrella = list(col = INK,
      lty = 1), box.dot = list(col = INK), add.line = list(col = ACCENT, lwd = 2),
    reference.line = list(col = "grey90")
  )
}

# Scatter with a grid, a smooth line, and labels for the points in `marked`.
panel_scatter <- function(x, y, ..., grid, smooth, abline, marked, labels, subscripts) {
  if (grid) lattice::panel.grid(h = -1, v = -1, col = "grey92")
  do_abline(abline)
  lattice::panel.xyplot(x, y, ...)
  both <- is.finite(x) & is.finite(y)
  if (smooth && sum(both) > 10L && length(unique(x[both])) > 4L) {
    lattice::panel.lines(stats::lowess(x[both], y[both]), col = ACCENT, lwd = 2)
  }
  here <- marked[subscripts] %in% TRUE
  if (any(here)) {
    lattice::panel.text(x[here], y[here], labels[subscripts][here], cex = 0.7, pos = 3,
      offset = 0.35, col = "grey20")
  }
}

do_abline <- function(abline) {
  if (is.null(abline)) return(invisible())
  arguments <- if (is.list(abline)) abline else list(abline)
  style <- list(col = "grey45", lty = 2)
  do.call(lattice::panel.abline, c(arguments, style[setdiff(names(style), names(arguments))]))
}

# Normal quantiles, with a pointwise band for the order statistics of a normal sample around the
# line through the quartiles.
panel_qq <- function(x, ..., level = 0.95) {
  x <- sort(x[is.finite(x)])
  n <- length(x)
  z <- stats::qnorm(stats::ppoints(n))
  quartiles <- stats::quantile(x, c(0.25, 0.75), names = FALSE)
  slope <- diff(quartiles) / diff(stats::qnorm(c(0.25, 0.75)))
  start <- mean(quartiles)
  i <- unique(round(seq(1, n, length.out = min(n, 400))))
  limit <- function(p) start + slope * stats::qnorm(stats::qbeta(p, i, n + 1 - i))
  lattice::panel.grid(h = -1, v = -1, col = "grey92")
  lattice::panel.polygon(c(z[i], rev(z[i])), c(limit((1 - level) / 2), rev(limit((1 + level) / 2))),
    col = with_alpha(SOFT, 0.3), border = NA)
  lattice::panel.abline(start, slope, col = ACCENT, lwd = 1.5)
  lattice::panel.points(z, x, ...)
}

# Limits that hold both ends of all intervals.
range_with_margin <- function(...) {
  r <- range(..., finite = TRUE)
  r + c(-1, 1) * 0.05 * max(diff(r), 1e-8)
}
