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
  if (length(reached) == 0L) {
    return(if (curve$endings[side] == "bound") curve$at[way[length(way)]] else NA_real_)
  }
  ends <- sort(curve$at[way[reached[1L] - 1:0]])
  spline <- curve_spline(curve)
  stats::uniroot(function(at) spline(at) - zeta, ends, tol = 1e-12 * max(abs(ends)))$root
}

# Limits at the zetas of a level, and why a limit is missing.
curve_limits <- function(curve, zeta) {
  limits <- values_of_zeta(curve, zeta)
  if (curve$undefined) limits <- bounds_of_kind[[curve$kind]]
  limits
}
