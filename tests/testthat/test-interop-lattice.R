skip_if_not_installed("lattice")
skip_if_not_installed("lme4")

# The numbers that the panels of a picture get, each panel's in order.
panel_numbers <- function(plot, what = c("x", "y")) {
  lapply(plot$panel.args, function(panel) lapply(panel[what], function(v) sort(as.numeric(v))))
}

test_that("dot plots and Q-Q plots of random effects have lmer's numbers", {
  # lme4's method, also where rlmm's generic ranef() is meant
  effects <- function(x) if (inherits(x, "rlmm")) ranef(x) else lme4::ranef(x, condVar = TRUE)
  expect_as_lmer(lattice::dotplot(effects(x)), take = function(plots) {
    lapply(unclass(plots), function(plot) {
      lapply(panel_numbers(plot, "x"), function(panel) panel$x)
    })
  }, tolerance = 1e-3)
  points <- function(plots) {
    lapply(unclass(plots), function(plot) {
      lapply(plot$panel.args, function(panel) range(Filter(is.numeric, panel)$x))
    })
  }
  # (x || g) stops lme4's method
  expect_as_lmer(lattice::qqmath(effects(x)), setdiff(names(interop_models), "split"), points,
    tolerance = 1e-3)
})

test_that("pictures of profiles have a panel for each parameter, as lmer's", {
  profiled <- function(x) {
    key <- paste0("profile_", class(x)[1L], nobs(x), length(fixef(x)))
    if (is.null(shared[[key]])) shared[[key]] <- profile(x)
    shared[[key]]
  }
  drawn_panels <- function(plot) list(draws(plot), length(plot$panel.args))
  few <- c("slope", "penicillin")
  expect_as_lmer(lattice::xyplot(profiled(x)), few, drawn_panels)
  expect_as_lmer(lattice::densityplot(profiled(x)), few, draws)
  expect_as_lmer(lattice::splom(profiled(x)), few, draws)
  # lme4's method fails on its profile of this one
  weighted <- profile(interop_fits("weighted")$ours)
  for (picture in list(lattice::xyplot, lattice::densityplot, lattice::splom)) {
    expect_true(draws(picture(weighted)))
  }
})
