# Likelihood of pairs of parameters, from their profiles (Bates & Watts 1988, appendix A6).

#' @rdname xyplot.rlmm_profile
#' @export
splom.rlmm_profile <- function(x, data = NULL, levels = sqrt(stats::qchisq(conf, 2)),
                               conf = c(50, 80, 90, 95, 99) / 100, which = NULL, draw.lower = TRUE,
                               draw.upper = TRUE, ...) {
  curves <- Filter(function(curve) !curve$undefined && length(curve$at) > 3L, some_curves(x, which))
  if (length(curves) < 2L) {
    stop_rlmm("bad_argument", "a picture of pairs needs the profiles of two parameters",
      column = "which")
  }
  traces <- profile_traces(x, curves)
  back <- lapply(curves, values_by_zeta)
  most <- 1.08 * max(levels)
  limits <- lapply(curves, function(curve) range(zeta_line(curve, "", max(levels))$value))
  frame <- as.data.frame(lapply(limits, range), optional = TRUE)
  pair <- function(i, j, on_zeta) {
    draw_pair(traces, back, c(j, i), levels, if (on_zeta) zeta_to_panel(limits[c(j, i)], most))
  }
  panel <- function(draw, on_zeta) {
    if (!draw) return(function(...) invisible())
    function(x, y, i, j, ...) pair(i, j, on_zeta)
  }
  draw(lattice::splom, list(~frame, varnames = names(curves), xlab = NULL,
    par.settings = plot_theme(), lower.panel = panel(draw.lower, TRUE),
    upper.panel = panel(draw.upper, FALSE), varname.cex = if (length(curves) > 6L) 0.6 else 0.8,
    pscales = if (length(curves) > 3L) 4 else 5, axis.text.cex = 0.6,
    prepanel.limits = function(x) range(x)), ...)
}

# For each curve, zeta of every other parameter as a function of its own zeta.
profile_traces <- function(x, curves) {
  plain <- as_plain(x)
  lapply(seq_along(curves), function(i) {
    rows <- plain$.par == names(curves)[i]
    own <- curves[[i]]$zeta
    lapply(seq_along(curves), function(j) {
      other <- zeta_of_values(curves[[j]], plain[[names(curves)[j]]][rows])
      trace_function(own, other)
    })
  })
}

# Interpolates where both zetas are known.
trace_function <- function(own, other) {
  known <- is.finite(other) & !duplicated(own)
  if (sum(known) < 2L) return(function(zeta) rep(NA_real_, length(zeta)))
  spline <- calm_spline(own[known], other[known])
  range <- range(own[known])
  function(zeta) {
    out <- spline(zeta)
    out[zeta < range[1L] | zeta > range[2L]] <- NA
    out
  }
}

# Cubic polynomials that do not swing beyond the points they join, since traces may have corners:
# the slope at a point is the harmonic mean of those of the lines to its neighbours, or zero
# (Fritsch & Butland 1984).
calm_spline <- function(x, y) {
  x_order <- order(x)
  x <- x[x_order]
  y <- y[x_order]
  lines <- diff(y) / diff(x)
  before <- lines[-length(lines)]
  after <- lines[-1L]
  inner <- ifelse(before * after > 0, 2 * before * after / (before + after), 0)
  stats::splinefunH(x, y, c(lines[1L], inner, lines[length(lines)]))
}

# Values of a parameter by zeta, for pictures: monotone interpolation, at the bound beyond the end.
values_by_zeta <- function(curve) {
  rising <- curve$zeta == cummax(curve$zeta) & !duplicated(curve$zeta)
  spline <- stats::splinefun(curve$zeta[rising], curve$at[rising], method = "monoH.FC")
  range <- range(curve$zeta)
  bound <- curve$endings == "bound"
  function(zeta) {
    known <- !is.na(zeta) & (bound[1L] | zeta >= range[1L]) & (bound[2L] | zeta <= range[2L])
    at <- rep(NA_real_, length(zeta))
    at[known] <- spline(pmin(pmax(zeta[known], range[1L]), range[2L]))
    curve_values(curve, at)
  }
}

# zeta of both parameters along the border of the region of a level. On it zeta_1 = L cos(a + d / 2)
# and zeta_2 = L cos(a - d / 2), with d a periodic function of a that is known at the four points
# where the border meets the traces.
region_border <- function(trace12, trace21, level, n = 121L) {
  angle <- function(trace, zeta) acos(pmin(pmax(trace(zeta) / level, -1), 1))
  one <- c(0, angle(trace21, level), pi, angle(trace21, -level))
  two <- c(angle(trace12, level), 0, angle(trace12, -level), pi)
  flip <- sign(one - two)
  a <- flip * (one + two) / 2
  d <- abs(one - two)
  known <- is.finite(a) & flip != 0
  if (!all(known)) return(NULL)
  order <- order(a)
  a <- a[order]
  d <- d[order]
  spline <- stats::splinefun(c(a, a[1L] + 2 * pi), c(d, d[1L]), method = "periodic")
  along <- seq(-pi, pi, length.out = n)
  half <- spline(along) / 2
  cbind(level * cos(along + half), level * cos(along - half))
}

# The pair's regions and traces, on the scale of the parameters or, by `to_panel`, of zeta.
draw_pair <- function(traces, back, pair, levels, to_panel) {
  show <- function(zeta1, zeta2, ...) {
    both <- if (is.null(to_panel)) list(back[[pair[1L]]](zeta1), back[[pair[2L]]](zeta2)) else
      to_panel(zeta1, zeta2)
    lattice::panel.lines(both[[1L]], both[[2L]], ...)
  }
  forward <- traces[[pair[1L]]][[pair[2L]]]
  backward <- traces[[pair[2L]]][[pair[1L]]]
  for (level in levels) {
    border <- region_border(forward, backward, level)
    if (!is.null(border)) show(border[, 1L], border[, 2L], col = INK)
  }
  zeta <- seq(-max(levels), max(levels), length.out = 61L)
  show(zeta, forward(zeta), col = ACCENT)
  show(backward(zeta), zeta, col = ACCENT, lty = 2)
}

# Zetas of two parameters as positions in a panel whose axes are those of the parameters.
zeta_to_panel <- function(limits, most) {
  place <- function(zeta, range) range[1L] + (zeta + most) / (2 * most) * diff(range)
  function(zeta1, zeta2) list(place(zeta1, limits[[1L]]), place(zeta2, limits[[2L]]))
}
