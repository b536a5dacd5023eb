#' Pictures of a profile
#'
#' `xyplot()` shows zeta of each parameter, with lines at the limits of its intervals; `plot()` the
#' log-likelihood of each; `densityplot()` the density that makes the parameter's confidence
#' intervals; `splom()` the likelihood of each pair.
#'
#' @param x What [profile()] gives for a model fitted by [rlmm()].
#' @param data Not used.
#' @param conf,levels Levels of the intervals or regions, and the same on the scale of zeta.
#' @param absVal Show the absolute value of zeta? Then the intervals are horizontal lines.
#' @param scales Handed to lattice, over our own.
#' @param which Which of the profiled parameters: numbers, names, `"theta_"` or `"beta_"`.
#' @param npts Number of points of a density.
#' @param upper The densities go from the quantile of `1 - upper` to that of `upper`.
#' @param level Level of the interval that `plot()` shows.
#' @param draw.lower,draw.upper Draw the panels below and above the diagonal?
#' @param ... Handed to lattice.
#' @return A `trellis` object, drawn when printed.
#' @details
#' A parameter for which zeta is a straight line has a likelihood like that of a normal mean. Where
#' the line flattens towards zero for a standard deviation or towards 1 for a correlation, the data
#' say little about how near to it the parameter is.
#'
#' Above the diagonal `splom()` has the parameters themselves, below it their zetas. The closed
#' lines are approximate confidence regions of the pair, interpolated from the two lines that cross
#' in the middle: those are the best values of one parameter for each value of the other (the
#' profile traces). The nearer the regions on the scale of zeta are to circles, and the traces to
#' the axes, the less the parameters depend on one another.
#' @references Bates & Watts (1988). Nonlinear Regression Analysis and Its Applications. Wiley,
#'   chapter 6 and appendix A6.
#' @examples
#' pr <- profile(rlmm(Reaction ~ Days + (Days | Subject), sleepstudy))
#' xyplot(pr)
#' xyplot(pr, absVal = TRUE, which = c(".sig01", ".sig02"))
#' densityplot(pr)
#' splom(pr, which = 1:4)
#' plot(pr)
#' @name xyplot.rlmm_profile
#' @importFrom lattice xyplot
#' @export
xyplot.rlmm_profile <- function(x, data = NULL, levels = sqrt(stats::qchisq(conf, 1)),
                                conf = c(50, 80, 90, 95, 99) / 100, absVal = FALSE, scales = NULL,
                                which = NULL, ...) {
  curves <- some_curves(x, which)
  points <- do.call(rbind, Map(zeta_line, curves, names(curves), max(levels)))
  limits <- lapply(curves, function(curve) {
    vapply(levels, function(z) values_of_zeta(curve, c(-z, z)), c(0, 0))
  })
  if (absVal) points$zeta <- abs(points$zeta)
  panel <- function(x, y, ...) {
    lattice::panel.grid(h = -1, v = -1, col = "grey92")
    draw_limits(limits[[lattice::packet.number()]], levels, absVal)
    if (!absVal) lattice::panel.abline(h = 0, col = "grey60")
    lattice::panel.lines(x, y, col = INK, lwd = 1.5)
  }
  draw_curves(zeta ~ value | par, points, list(panel = panel,
    ylab = list(if (absVal) expression(abs(zeta)) else expression(zeta), rot = 0)), scales, ...)
}

#' @importFrom lattice xyplot
#' @export
lattice::xyplot

#' @importFrom lattice densityplot
#' @export
lattice::densityplot

#' @importFrom lattice splom
#' @export
lattice::splom

some_curves <- function(x, which) {
  curves <- profile_curves(x)
  if (is.null(which)) curves else curves[chosen_curves(curves, which)]
}

# zeta along a curve, as far as a little beyond the largest level.
zeta_line <- function(curve, par, most, n = 151L) {
  ends <- vapply(c(-1, 1), function(sign) {
    at <- at_of_zeta(sign * 1.08 * most, curve)
    if (is.na(at)) range(curve$at)[(3 + sign) / 2] else at
  }, 0)
  # with its own points: a line may have corners
  own <- curve$at[curve$at > ends[1L] & curve$at < ends[2L]]
  at <- sort(c(seq(ends[1L], ends[2L], length.out = n), own))
  at <- at[is.finite(curve_values(curve, at))]
  data.frame(value = curve_values(curve, at), zeta = curve_spline(curve)(at),
    par = factor(par, par))
}

# Limits (2 x levels): verticals from zero to zeta, or horizontals at each |zeta|.
draw_limits <- function(limits, levels, absVal) {
  light <- with_alpha(ACCENT, 0.85)
  if (absVal) {
    lattice::panel.segments(limits[1L, ], levels, limits[2L, ], levels, col = light)
    lattice::panel.segments(limits, 0, limits, rep(levels, each = 2L), col = light, lty = 3)
  } else {
    lattice::panel.segments(limits, 0, limits, c(-1, 1) * rep(levels, each = 2L), col = light)
  }
}

# Panels by parameter, each with its own axis.
draw_curves <- function(form, points, ours, scales, ...) {
  n <- nlevels(points$par)
  free <- list(x = list(relation = "free", tick.number = if (n > 6L) 3 else 4), alternating = 1)
  draw(lattice::xyplot, list(form, data = points, par.settings = plot_theme(), as.table = TRUE,
    scales = utils::modifyList(free, as.list(scales)), xlab = NULL,
    strip = lattice::strip.custom(par.strip.text = list(cex = if (n > 9L) 0.65 else 0.85)),
    between = list(x = if (n > 6L) 0.8 else 0.3, y = 0.3)), ours, ...)
}

#' @rdname xyplot.rlmm_profile
#' @export
plot.rlmm_profile <- function(x, level = 0.95, which = NULL, scales = NULL, ...) {
  check_level(level)
  curves <- some_curves(x, which)
  z <- stats::qnorm((1 + level) / 2)
  minimum <- attr(x, "minimum")
  points <- do.call(rbind, Map(zeta_line, curves, names(curves), max(z, 2.6)))
  points$loglik <- -(minimum + points$zeta^2) / 2
  panel <- function(x, y, ...) {
    curve <- curves[[lattice::packet.number()]]
    lattice::panel.grid(h = -1, v = -1, col = "grey92")
    height <- -(minimum + z^2) / 2
    lattice::panel.abline(h = height, col = with_alpha(ACCENT, 0.6), lty = 2)
    limits <- curve_limits(curve, c(-z, z))
    lattice::panel.segments(limits, lattice::current.panel.limits()$ylim[1L], limits, height,
      col = ACCENT)
    lattice::panel.lines(x, y, col = INK, lwd = 1.5)
    lattice::panel.points(curve_estimate(curve), -minimum / 2, pch = 16, col = INK, cex = 0.7)
  }
  name <- if (attr(x, "criterion") == "REML") "REML log-likelihood" else "log-likelihood"
  draw_curves(loglik ~ value | par, points, list(panel = panel, ylab = name), scales, ...)
}

#' @rdname xyplot.rlmm_profile
#' @export
densityplot.rlmm_profile <- function(x, data = NULL, npts = 201, upper = 0.999, which = NULL,
                                     scales = NULL, ...) {
  curves <- Filter(function(curve) !curve$undefined, some_curves(x, which))
  points <- do.call(rbind, Map(density_line, curves, names(curves), stats::qnorm(upper), npts))
  panel <- function(x, y, ...) {
    lattice::panel.grid(h = 0, v = -1, col = "grey92")
    lattice::panel.polygon(c(x[1L], x, x[length(x)]), c(0, y, 0), col = with_alpha(SOFT, 0.25),
      border = NA)
    lattice::panel.lines(x, y, col = INK, lwd = 1.5)
    lattice::panel.abline(v = curve_estimate(curves[[lattice::packet.number()]]), col = ACCENT,
      lty = 2)
  }
  both_free <- list(y = list(relation = "free", draw = FALSE))
  draw_curves(density ~ value | par, points, list(panel = panel, ylab = "density"),
    utils::modifyList(both_free, as.list(scales)), ...)
}

# Normal density of zeta, carried over to the parameter.
density_line <- function(curve, par, most, n) {
  line <- zeta_line(curve, par, most, n)
  inside <- abs(line$zeta) <= most
  line <- line[inside, ]
  line$density <- stats::dnorm(line$zeta) * zeta_of_values(curve, line$value, deriv = 1L)
  # near -1 and 1 the density of a correlation has no bound
  if (curve$kind == "cor") line <- line[abs(line$value) < 0.995, ]
  line[is.finite(line$density), ]
}
