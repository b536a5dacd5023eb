skip_if_not_installed("sjPlot")
skip_if_not_installed("insight")

drawn <- function(p) {
  if (!inherits(p, "ggplot")) return(lapply(p, drawn))
  lapply(ggplot2::ggplot_build(p)$data, function(d) {
    d[intersect(names(d), c("x", "y", "xmin", "xmax", "ymin", "ymax"))]
  })
}

test_that("plots show what they show of lmer's fit", {
  expect_as_lmer(sjPlot::plot_model(x), with_terms, drawn)
  expect_as_lmer(sjPlot::plot_model(x, type = "re"),
    setdiff(names(interop_models), c("singular", "split")), drawn)
  expect_as_lmer(sjPlot::plot_model(x, type = "pred", terms = v), setdiff(with_covariate, "oats"),
    drawn)
  expect_as_lmer(sjPlot::plot_model(x, type = "eff", terms = v), with_covariate, drawn)
  expect_as_lmer(sjPlot::plot_model(x, type = "std"), with_covariate, drawn)
  # for its picture of the random effects, sjPlot asks for lme4's class; (x || g) stops it
  expect_as_lmer(sjPlot::plot_model(both(x), type = "diag"),
    setdiff(with_covariate, "split"), drawn)
  expect_as_lmer(sjPlot::plot_model(x, type = "resid"), "slope", drawn)
  points <- function(p) drawn(p)[[1]]
  expect_as_lmer(sjPlot::plot_model(x, type = "int"), "cake", points)
})

test_that("tables have the numbers of lmer's fit", {
  expect_as_lmer(sjPlot::tab_model(x)$page.content,
    setdiff(names(interop_models), c("singular", "split")))
  expect_as_lmer(sjPlot::tab_model(x, p.val = "satterthwaite", show.df = TRUE)$page.content,
    setdiff(names(interop_models), c("singular", "split")))
  shown <- function(x) {
    sjPlot::tab_model(x, show.stat = TRUE, show.se = TRUE, show.aic = TRUE)$page.content
  }
  expect_as_lmer(shown(x), c("slope", "cake", "pigs", "oats", "weighted"))
})
