skip_if_not_installed("afex")
skip_if_not_installed("ggplot2")

drawn_data <- function(plot) ggplot2::ggplot_build(plot)$data

test_that("afex_plot() shows what it shows of lmer's fit", {
  skip_if_not_installed("pbkrtest")
  point <- ggplot2::geom_point
  expect_as_lmer(afex::afex_plot(x, "recipe", "temperature", id = "replicate", data_geom = point),
    "cake", drawn_data)
  expect_as_lmer(afex::afex_plot(x, "recipe", id = "replicate", error = "mean", data_geom = point),
    "cake", drawn_data)
  expect_as_lmer(afex::afex_plot(x, "dose", id = "Subject", data_geom = point,
    emmeans_arg = list(mode = "satterthwaite")), "weighted", drawn_data)
  expect_as_lmer(afex::afex_plot(x, "Days", id = "Subject", data_geom = point), "slope", drawn_data)
  expect_as_lmer(afex::afex_plot(x, "temperature", panel = "recipe", id = "replicate",
    data_geom = point), c("cake", "deficient"), drawn_data)
})

test_that("units and what varies within them are found in the data", {
  fit <- interop_fits("cake")$ours
  expect_equal(variables_within(original_data(fit), c("recipe", "temperature"),
    c("recipe", "replicate")), "temperature")
  direct <- afex::afex_plot(fit, "temperature", id = "replicate", error = "within",
    within_vars = "temperature", between_vars = character(), data_geom = ggplot2::geom_point)
  found <- afex::afex_plot(fit, "temperature", id = "replicate", error = "within",
    data_geom = ggplot2::geom_point)
  expect_equal(drawn_data(found), drawn_data(direct))
  expect_s3_class(afex::afex_plot(fit, "temperature", data_geom = ggplot2::geom_point), "ggplot")
})
