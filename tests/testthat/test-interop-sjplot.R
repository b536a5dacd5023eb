skip_if_not_installed("sjPlot")
skip_if_not_installed("insight")

drawn <- function(p) {
  p <- if (inherits(p, "ggplot")) list(p) else p
  lapply(p, function(plot) lapply(ggplot2::ggplot_build(plot)$data, function(d) {
    d[intersect(names(d), c("x", "y", "xmin", "xmax", "ymin", "ymax"))]
  }))
}

test_that("plots show what they show of lmer's fit", {
  expect_as_lmer(sjPlot::plot_model(x), c("slope", "cake", "weighted", "deficient"), drawn)
  expect_as_lmer(sjPlot::plot_model(x, type = "re"), c("slope", "penicillin", "weighted"), drawn)
  expect_as_lmer(sjPlot::plot_model(x, type = "pred", terms = "Days"), "slope", drawn)
  expect_as_lmer(sjPlot::plot_model(x, type = "std"), "slope", drawn)
  expect_as_lmer(sjPlot::plot_model(x, type = "resid"), "slope", drawn)
  points <- function(p) drawn(p)[[1]][[1]]
  expect_as_lmer(sjPlot::plot_model(x, type = "int"), "cake", points)
})

test_that("tables have the numbers of lmer's fit", {
  expect_as_lmer(sjPlot::tab_model(x)$page.content, c("slope", "weighted", "penicillin"))
  expect_as_lmer(sjPlot::tab_model(x, p.val = "satterthwaite", show.df = TRUE)$page.content,
    "slope")
})
