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
  label_points(x, y, marked[subscripts], labels[subscripts])
}

do_abline <- function(abline) {
  if (is.null(abline)) return(invisible())
  arguments <- if (is.list(abline)) abline else list(abline)
  style <- list(col = "grey45", lty = 2)
  do.call(lattice::panel.abline, c(arguments, style[setdiff(names(style), names(arguments))]))
}

# Normal quantiles: the sorted points, the line through the quartiles, and the pointwise band for
# the order statistics of a normal sample around it.
qq_parts <- function(x, level = 0.95) {
  x <- x[is.finite(x)]
  order <- order(x)
  n <- length(x)
  z <- stats::qnorm(stats::ppoints(n))
  quartiles <- stats::quantile(x, c(0.25, 0.75), names = FALSE)
  slope <- diff(quartiles) / diff(stats::qnorm(c(0.25, 0.75)))
  start <- mean(quartiles)
  i <- unique(round(seq(1, n, length.out = min(n, 400))))
  limit <- function(p) start + slope * stats::qnorm(stats::qbeta(p, i, n + 1 - i))
  list(points = data.frame(z = z, value = x[order], row = order), line = c(start, slope),
    band = data.frame(z = z[i], lower = limit((1 - level) / 2), upper = limit((1 + level) / 2)))
}

panel_qq <- function(x, ..., marked = NULL, labels = NULL) {
  parts <- qq_parts(x)
  band <- parts$band
  points <- parts$points
  lattice::panel.grid(h = -1, v = -1, col = "grey92")
  lattice::panel.polygon(c(band$z, rev(band$z)), c(band$lower, rev(band$upper)),
    col = with_alpha(SOFT, 0.3), border = NA)
  lattice::panel.abline(parts$line, col = ACCENT, lwd = 1.5)
  lattice::panel.points(points$z, points$value, ...)
  label_points(points$z, points$value, marked[points$row], labels[points$row])
}

label_points <- function(x, y, marked, labels) {
  here <- which(marked)
  if (length(here) == 0L) return(invisible())
  lattice::panel.text(x[here], y[here], labels[here], cex = 0.7, pos = 3, offset = 0.35,
    col = "grey20")
}

# Limits that hold both ends of all intervals.
range_with_margin <- function(...) {
  r <- range(..., finite = TRUE)
  r + c(-1, 1) * 0.05 * max(diff(r), 1e-8)
}

# The same shift for the same rows, whatever the state of the random numbers: the fractional parts
# of multiples of the golden ratio are spread evenly.
spread <- function(x, width) x + width * ((seq_along(x) * (sqrt(5) - 1) / 2) %% 1 - 0.5)
