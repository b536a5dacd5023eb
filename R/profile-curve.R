# One curve of a profile as a function: zeta of the value, and the value of zeta.

# Values of the parameter at coordinates of its curve.
curve_values <- function(curve, at = curve$at) value_of_kind[[curve$kind]](at) * curve$unit

curve_at <- function(curve, values) at_of_kind[[curve$kind]](values / curve$unit)

# d value / d at
curve_stretch <- function(curve, at) slope_of_kind[[curve$kind]](at) * curve$unit

# Cubic polynomials between the points, with the known slopes.
curve_spline <- function(curve) stats::splinefunH(curve$at, curve$zeta, curve$slope)

# zeta at some values, NA outside of the range that was profiled.
zeta_of_values <- function(curve, values, deriv = 0L) {
  at <- curve_at(curve, values)
  inside <- !is.na(at) & at >= min(curve$at) & at <= max(curve$at)
  out <- rep(NA_real_, length(values))
  out[inside] <- curve_spline(curve)(at[inside], deriv)
  if (deriv > 0L) out <- out / curve_stretch(curve, at)
  out
}

# The values where zeta is first reached on the way out from the estimate: the bound where it is not
# reached before that, NA where the profile ends before.
values_of_zeta <- function(curve, zeta) curve_values(curve, vapply(zeta, at_of_zeta, 0, curve))

at_of_zeta <- function(zeta, curve) {
  if (zeta == 0) return(curve$at[curve$center])
  side <- if (zeta < 0) 1L else 2L
  way <- if (side == 1L) curve$center:1L else curve$center:length(curve$at)
  reached <- which(abs(curve$zeta[way]) >= abs(zeta))
  if (length(reached) == 0L) return(end_of_range(curve, side))
  ends <- way[reached[1L] - 1:0]
  length <- diff(curve$at[ends])
  curve$at[ends[1L]] +
    length * first_root(curve$zeta[ends] - zeta, curve$slope[ends] * length)
}

# The end of the parameter's range, if the profile has come so far. On its way to zero, sigma is
# followed on the logarithmic scale until it is as good as there.
end_of_range <- function(curve, side) {
  if (curve$endings[side] != "bound") return(NA_real_)
  switch(curve$kind, sigma = , log_sigma = , sigma2 = -Inf, cor = c(-pi, pi)[side] / 2, 0)
}

# Where the cubic polynomial with these values and slopes at 0 and 1 is zero first. The values
# differ in sign.
first_root <- function(y, m) {
  rise <- y[2L] - y[1L]
  roots <- polyroot(c(y[1L], m[1L], 3 * rise - 2 * m[1L] - m[2L], m[1L] + m[2L] - 2 * rise))
  real <- Re(roots)[abs(Im(roots)) < 1e-7]
  min(1, max(0, min(real[real > -1e-9 & real < 1 + 1e-9])))
}

# The limits at two values of zeta.
curve_limits <- function(curve, zeta) {
  limits <- values_of_zeta(curve, zeta)
  if (curve$undefined) limits <- bounds_of_kind[[curve$kind]]
  limits
}

# Limits of all curves, with a warning where one is missing because its profile ends before.
limits_of_curves <- function(curves, zeta) {
  limits <- t(vapply(curves, curve_limits, zeta, zeta = zeta))
  dimnames(limits) <- list(names(curves), percent_names(stats::pnorm(zeta)))
  warn_of_short(curves, is.na(limits), max(abs(zeta)))
  limits
}

warn_of_short <- function(curves, missing, zeta) {
  short <- names(curves)[rowSums(missing) > 0L]
  if (length(short) == 0L) return(invisible())
  endings <- vapply(curves, `[[`, c("", ""), "endings")[t(missing)]
  advice <- c(cutoff = "make it with a smaller 'alphamax'",
    points = "make it with a larger 'maxpts'",
    failure = "the criterion cannot be computed further out")[unique(endings)]
  warn_rlmm("profile_too_short", paste0("the profile of ", quoted_list(short), " ends before zeta ",
    "reaches ", format(zeta, digits = 4), ": ", paste(advice, collapse = ", or ")),
  column = short[1L])
}
